/*
 * decode-dcmtk SECONDS FILE...: as decode, by DCMTK: whole files from the page
 * cache into native pixels, as often as fits; "SYNTAX BYTES-PER-SECOND FILE" or
 * "error FILE".
 */

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

static double
now()
{
    using namespace std::chrono;

    return duration<double>(steady_clock::now().time_since_epoch()).count();
}

static size_t
decode(const char *path, const char **syntax)
{
    DcmFileFormat file;
    DcmElement *element = NULL;

    if (file.loadFile(path).bad()) {
        return 0;
    }
    *syntax = DcmXfer(file.getDataset()->getOriginalXfer()).getXferID();
    if (file.getDataset()->chooseRepresentation(EXS_LittleEndianExplicit,
            NULL).bad()
        || file.getDataset()->findAndGetElement(DCM_PixelData, element).bad())
    {
        return 0;
    }

    /* values of native files are not read before they are asked for */
    Uint8 *bytes = NULL;
    Uint16 *words = NULL;
    if (element->getUint16Array(words).bad()
        && element->getUint8Array(bytes).bad())
    {
        return 0;
    }
    return element->getLength(EXS_LittleEndianExplicit);
}

int
main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 1;

    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DJDecoderRegistration::registerCodecs(EDC_never);
    DJLSDecoderRegistration::registerCodecs();
    DcmRLEDecoderRegistration::registerCodecs();
    for (int i = 2; i < argc; i++) {
        const char *syntax = "";
        double begin, end, bytes = 0;

        if (decode(argv[i], &syntax) == 0) {
            printf("error %s\n", argv[i]);
            continue;
        }
        begin = now();
        do {
            bytes += static_cast<double>(decode(argv[i], &syntax));
            end = now();
        } while (end - begin < seconds);
        printf("%s %.0f %s\n", syntax, bytes / (end - begin), argv[i]);
    }
    return 0;
}

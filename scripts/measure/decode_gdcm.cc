/*
 * decode-gdcm SECONDS FILE...: as decode, by GDCM: whole files from the page
 * cache, as often as fits; "SYNTAX BYTES-PER-SECOND FILE" or "error FILE".
 * GDCM may abort on a file: give it one at a time when in doubt.
 */

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <gdcmImage.h>
#include <gdcmImageReader.h>
#include <gdcmTrace.h>

static double
now()
{
    using namespace std::chrono;

    return duration<double>(steady_clock::now().time_since_epoch()).count();
}

static size_t
decode(const char *path, std::vector<char> &pixels, std::string &syntax)
{
    gdcm::ImageReader reader;

    reader.SetFileName(path);
    if (!reader.Read()) {
        return 0;
    }
    syntax = reader.GetFile().GetHeader().GetDataSetTransferSyntax()
        .GetString();
    const gdcm::Image &image = reader.GetImage();
    pixels.resize(image.GetBufferLength());
    return image.GetBuffer(pixels.data()) ? pixels.size() : 0;
}

int
main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 1;

    gdcm::Trace::WarningOff();
    gdcm::Trace::ErrorOff();
    for (int i = 2; i < argc; i++) {
        std::vector<char> pixels;
        std::string syntax;
        double begin, end, bytes = 0;

        if (decode(argv[i], pixels, syntax) == 0) {
            printf("error %s\n", argv[i]);
            continue;
        }
        begin = now();
        do {
            bytes += static_cast<double>(decode(argv[i], pixels, syntax));
            end = now();
        } while (end - begin < seconds);
        printf("%s %.0f %s\n", syntax.c_str(), bytes / (end - begin),
            argv[i]);
    }
    return 0;
}

#include <cerrno>
#include <cstring>
#include <istream>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <streambuf>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>
#include <zlib.h>

#include <gdcmDataSet.h>
#include <gdcmDict.h>
#include <gdcmDicts.h>
#include <gdcmFile.h>
#include <gdcmFragment.h>
#include <gdcmGlobal.h>
#include <gdcmJPEG2000Codec.h>
#include <gdcmJPEGCodec.h>
#include <gdcmJPEGLSCodec.h>
#include <gdcmReader.h>
#include <gdcmSequenceOfFragments.h>
#include <gdcmSequenceOfItems.h>
#include <gdcmTrace.h>
#include <gdcmTransferSyntax.h>

/* decoder.h names a function and a struct alike, as C may */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "dicom.h"
#pragma GCC diagnostic pop

extern "C" {
#include "meta.h"
#include "structure.h"
}

#define IMPLICIT_LE    "1.2.840.10008.1.2"
#define EXPLICIT_LE    "1.2.840.10008.1.2.1"
#define DEFLATED_LE    "1.2.840.10008.1.2.1.99"
#define EXPLICIT_BE    "1.2.840.10008.1.2.2"
#define GE_PRIVATE_BE  "1.2.840.113619.5.2"

namespace {

/* The bytes of a file: behind a descriptor, or inflated into memory. */
class Source {
public:
    Source(int file, uint64_t bytes) : fd(file), length(bytes) {}

    uint64_t size() const { return length; }

    bool read(uint64_t offset, void *buffer, size_t count) const
    {
        uint8_t *to = static_cast<uint8_t *>(buffer);

        if (offset > length || count > length - offset) {
            return false;
        }
        if (fd == -1) {
            memcpy(to, memory.data() + offset, count);
        } else if (!read_file(offset, to, count)) {
            return false;
        }
        for (size_t i = 0; i < patch.size(); i++) {
            if (patch_at + i >= offset && patch_at + i - offset < count) {
                to[patch_at + i - offset] = static_cast<uint8_t>(patch[i]);
            }
        }
        return true;
    }

    /* Readers see text in place of what the file has at offset. */
    void replace(uint64_t offset, const std::string &text)
    {
        patch_at = offset;
        patch = text;
    }

    void assign(std::vector<uint8_t> &&bytes)
    {
        memory = std::move(bytes);
        length = memory.size();
        fd = -1;
    }

private:
    bool read_file(uint64_t offset, uint8_t *to, size_t count) const
    {
        while (count > 0) {
            ssize_t n = pread(fd, to, count, static_cast<off_t>(offset));

            if (n < 0 && errno == EINTR) {
                continue;
            }
            if (n <= 0) {
                return false;
            }
            to += n;
            offset += static_cast<uint64_t>(n);
            count -= static_cast<size_t>(n);
        }
        return true;
    }

    int fd;
    uint64_t length;
    std::vector<uint8_t> memory;
    uint64_t patch_at = 0;
    std::string patch;
};

/* A seekable stream over a source, for GDCM. */
class SourceBuffer : public std::streambuf {
public:
    explicit SourceBuffer(const Source &bytes) : source(bytes), block(65536)
    {
    }

protected:
    int_type underflow() override
    {
        uint64_t at = position();
        size_t count = block.size();

        if (at >= source.size()) {
            return traits_type::eof();
        }
        if (count > source.size() - at) {
            count = static_cast<size_t>(source.size() - at);
        }
        if (!source.read(at, block.data(), count)) {
            return traits_type::eof();
        }
        start = at;
        setg(block.data(), block.data(), block.data() + count);
        return traits_type::to_int_type(*gptr());
    }

    std::streamsize xsgetn(char *to, std::streamsize count) override
    {
        std::streamsize done = 0;

        while (done < count) {
            std::streamsize part = egptr() - gptr();

            if (part == 0) {
                if (underflow() == traits_type::eof()) {
                    break;
                }
                continue;
            }
            if (part > count - done) {
                part = count - done;
            }
            memcpy(to + done, gptr(), static_cast<size_t>(part));
            gbump(static_cast<int>(part));
            done += part;
        }
        return done;
    }

    pos_type seekoff(off_type by, std::ios_base::seekdir from,
        std::ios_base::openmode) override
    {
        off_type base = 0;

        if (from == std::ios_base::cur) {
            base = static_cast<off_type>(position());
        } else if (from == std::ios_base::end) {
            base = static_cast<off_type>(source.size());
        }
        return move(base + by);
    }

    pos_type seekpos(pos_type to, std::ios_base::openmode) override
    {
        return move(off_type(to));
    }

private:
    uint64_t position() const
    {
        return start + static_cast<uint64_t>(gptr() - eback());
    }

    pos_type move(off_type to)
    {
        uint64_t at = static_cast<uint64_t>(to);

        if (to < 0 || at > source.size()) {
            return pos_type(off_type(-1));
        }
        if (at >= start && at <= start + uint64_t(egptr() - eback())) {
            setg(eback(), eback() + (at - start), egptr());
        } else {
            start = at;
            setg(block.data(), block.data(), block.data());
        }
        return pos_type(to);
    }

    const Source &source;
    std::vector<char> block;
    uint64_t start = 0;
};

uint32_t
le(const uint8_t *p, unsigned bytes)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < bytes; i++) {
        value |= static_cast<uint32_t>(p[i]) << (8 * i);
    }
    return value;
}

bool
read_source(void *data, uint64_t offset, void *buffer, size_t size)
{
    return static_cast<const Source *>(data)->read(offset, buffer, size);
}

/* Whether the data set's elements have a VR, whatever the syntax says. */
bool
has_vr(const Source &source, const struct meta &meta)
{
    uint8_t head[6];
    bool wide;

    return source.read(meta.end, head, sizeof(head))
        && meta_is_vr(head + 4, &wide);
}

/* GDCM recurses with the data set's nesting and asserts much of the rest. */
bool
check_structure(const Source &source, const struct meta &meta, char *detail,
    size_t size)
{
    struct structure structure = {};

    if (strcmp(meta.syntax, GE_PRIVATE_BE) == 0) {
        return true;
    }
    structure.begin = meta.end;
    structure.end = source.size();
    structure.is_explicit = has_vr(source, meta);
    structure.is_big_endian = strcmp(meta.syntax, EXPLICIT_BE) == 0;
    return structure_check(&structure, read_source,
        const_cast<Source *>(&source), detail, size);
}

/*
 * GDCM asserts that it knows the transfer syntax and that the data set keeps to
 * it.  It is shown one that fits how the elements are really written: some
 * files have implicit VR under a compressed syntax, and every syntax newer than
 * GDCM has explicit VR.
 */
void
show_syntax(Source *source, const struct meta &meta)
{
    std::string shown = has_vr(*source, meta) ? EXPLICIT_LE : IMPLICIT_LE;

    if (strcmp(meta.syntax, EXPLICIT_BE) == 0
        || strcmp(meta.syntax, GE_PRIVATE_BE) == 0)
    {
        return;
    }
    if (shown != meta.syntax && shown.size() <= meta.syntax_length) {
        shown.resize(meta.syntax_length, '\0');
        source->replace(meta.syntax_offset, shown);
    }
}

/*
 * Puts the inflated file in place of the deflated one, so that one parser and
 * one kind of offset serve both.
 */
bool
inflate_source(Source *source, const struct meta &meta, uint64_t memory)
{
    std::vector<uint8_t> out(static_cast<size_t>(meta.end));
    std::vector<uint8_t> in(65536), piece(262144);
    uint64_t at = meta.end;
    z_stream z = {};
    int rc = Z_OK;

    if (!source->read(0, out.data(), out.size())
        || inflateInit2(&z, -15) != Z_OK)
    {
        return false;
    }

    while (rc == Z_OK && out.size() < memory) {
        if (z.avail_in == 0) {
            size_t count = in.size();

            if (count > source->size() - at) {
                count = static_cast<size_t>(source->size() - at);
            }
            if (count == 0 || !source->read(at, in.data(), count)) {
                break;
            }
            z.next_in = in.data();
            z.avail_in = static_cast<uInt>(count);
            at += count;
        }
        z.next_out = piece.data();
        z.avail_out = static_cast<uInt>(piece.size());
        rc = inflate(&z, Z_NO_FLUSH);
        out.insert(out.end(), piece.begin(),
            piece.begin() + (piece.size() - z.avail_out));
    }
    inflateEnd(&z);

    if (out.size() >= memory) {
        throw std::bad_alloc();
    }
    if (rc != Z_STREAM_END && rc != Z_OK && rc != Z_BUF_ERROR) {
        return false;
    }
    source->assign(std::move(out));
    return true;
}

void
set_error(struct decoder_error *error, enum decoder_status status,
    const char *detail)
{
    error->status = status;
    snprintf(error->detail, sizeof(error->detail), "%s", detail);
}

gdcm::Tag
make_tag(uint32_t tag)
{
    return gdcm::Tag(static_cast<uint16_t>(tag >> 16),
        static_cast<uint16_t>(tag));
}

const gdcm::DataSet &
data_set(const struct dicom_set *set)
{
    return *reinterpret_cast<const gdcm::DataSet *>(set);
}

const struct dicom_set *
opaque(const gdcm::DataSet &set)
{
    return reinterpret_cast<const struct dicom_set *>(&set);
}

} // namespace

struct dicom_file {
    dicom_file(int fd, uint64_t size) : source(fd, size) {}

    typedef gdcm::SmartPointer<gdcm::SequenceOfItems> Items;

    Source source;
    std::unique_ptr<SourceBuffer> buffer;
    std::unique_ptr<std::istream> stream;
    std::unique_ptr<gdcm::Reader> reader;
    std::map<std::pair<const struct dicom_set *, uint32_t>, Items> sequences;
    struct dicom_pixels pixels = {};
    std::string syntax;
    bool preamble = false;
};

namespace {

/*
 * GDCM stops behind the length of the tag that it was told to skip: looking
 * back from there gives the element's head.
 */
bool
find_pixels(struct dicom_file *file, uint32_t tag)
{
    bool big = file->syntax == EXPLICIT_BE;
    uint8_t expected[4], head[12];
    unsigned back;
    uint64_t at;

    file->stream->clear();
    at = static_cast<uint64_t>(file->stream->tellg());
    if (at < 12 || at > file->source.size()
        || !file->source.read(at - 12, head, 12))
    {
        return false;
    }

    for (unsigned i = 0; i < 4; i++) {
        unsigned shift = (i < 2 ? 16 : 0) + (i % 2 == (big ? 1 : 0) ? 0 : 8);
        expected[i] = static_cast<uint8_t>(tag >> shift);
    }
    if (memcmp(head, expected, 4) == 0 && (head[4] == 'O' || head[4] == 'U')) {
        back = 12;
    } else if (memcmp(head + 4, expected, 4) == 0) {
        back = 8;
    } else {
        return false;
    }

    file->pixels.tag = tag;
    file->pixels.offset = at;
    file->pixels.length = le(head + 8, 4);
    if (big && back == 12) {
        file->pixels.length = static_cast<uint32_t>(head[8]) << 24
            | static_cast<uint32_t>(head[9]) << 16
            | static_cast<uint32_t>(head[10]) << 8 | head[11];
    }
    file->pixels.encapsulated = file->pixels.length == 0xffffffffu;
    return true;
}

bool
read_header(struct dicom_file *file)
{
    static const uint32_t tags[] = {
        DICOM_TAG(0x7fe0, 0x0010), DICOM_TAG(0x7fe0, 0x0008),
        DICOM_TAG(0x7fe0, 0x0009)
    };
    std::set<gdcm::Tag> skip;

    for (uint32_t tag : tags) {
        skip.insert(make_tag(tag));
    }

    /* a second pass only for files without the usual pixel data */
    for (uint32_t tag : tags) {
        file->buffer.reset(new SourceBuffer(file->source));
        file->stream.reset(new std::istream(file->buffer.get()));
        file->reader.reset(new gdcm::Reader);
        file->reader->SetStream(*file->stream);
        file->sequences.clear();

        if (!file->reader->ReadUpToTag(make_tag(tag), skip)) {
            return false;
        }
        if (file->syntax.empty()) {
            file->syntax = file->reader->GetFile().GetHeader()
                .GetDataSetTransferSyntax().GetString();
        }
        if (find_pixels(file, tag)) {
            return true;
        }
    }
    return true;
}

bool
open_file(struct dicom_file *file, uint64_t memory,
    struct decoder_error *error)
{
    struct meta meta;
    char detail[120] = "";

    if (meta_scan(&meta, read_source, &file->source, file->source.size())) {
        if (meta.malformed) {
            set_error(error, DECODER_INVALID,
                "the File Meta Information is malformed");
            return false;
        }
        file->syntax = meta.syntax;
        if (file->syntax == DEFLATED_LE
            && !inflate_source(&file->source, meta, memory))
        {
            set_error(error, DECODER_INVALID, "the deflated data is damaged");
            return false;
        }
        show_syntax(&file->source, meta);
    }
    if (!check_structure(file->source, meta, detail, sizeof(detail))) {
        set_error(error, DECODER_INVALID, detail);
        return false;
    }
    file->preamble = meta.preamble;

    if (!read_header(file)) {
        if (file->preamble) {
            set_error(error, DECODER_INVALID, "the header cannot be parsed");
        } else {
            set_error(error, DECODER_NOT_DICOM, "this is no DICOM file");
        }
        return false;
    }
    return true;
}

} // namespace

struct dicom_file *
dicom_open(int fd, uint64_t size, uint64_t memory,
    struct decoder_error *error)
{
    /* what is wrong with a file goes into the error, not to stderr */
    gdcm::Trace::DebugOff();
    gdcm::Trace::WarningOff();
    gdcm::Trace::ErrorOff();

    try {
        std::unique_ptr<struct dicom_file> file(new dicom_file(fd, size));

        if (open_file(file.get(), memory, error)) {
            return file.release();
        }
    } catch (const std::bad_alloc &) {
        set_error(error, DECODER_MEMORY, "the header needs too much memory");
    } catch (...) {
        set_error(error, DECODER_INVALID, "the header cannot be parsed");
    }
    return nullptr;
}

void
dicom_close(struct dicom_file *file)
{
    try {
        delete file;
    } catch (...) {
        /* nothing is left to be freed */
    }
}

const struct dicom_set *
dicom_meta(const struct dicom_file *file)
{
    const gdcm::File &parsed = file->reader->GetFile();

    return opaque(parsed.GetHeader());
}

const struct dicom_set *
dicom_root(const struct dicom_file *file)
{
    const gdcm::File &parsed = file->reader->GetFile();

    return opaque(parsed.GetDataSet());
}

const char *
dicom_transfer_syntax(const struct dicom_file *file)
{
    return file->syntax.c_str();
}

bool
dicom_has_preamble(const struct dicom_file *file)
{
    return file->preamble;
}

void
dicom_find_pixels(const struct dicom_file *file, struct dicom_pixels *pixels)
{
    *pixels = file->pixels;
}

uint64_t
dicom_size(const struct dicom_file *file)
{
    return file->source.size();
}

bool
dicom_read(void *file, uint64_t offset, void *buffer, size_t size)
{
    return static_cast<struct dicom_file *>(file)->source.read(offset, buffer,
        size);
}

bool
dicom_value(const struct dicom_set *set, uint32_t tag, const uint8_t **data,
    size_t *length)
{
    try {
        const gdcm::DataElement &element =
            data_set(set).GetDataElement(make_tag(tag));
        const gdcm::ByteValue *value;

        if (element.GetTag() != make_tag(tag) || element.IsEmpty()) {
            return false;
        }
        value = element.GetByteValue();
        if (value == nullptr || value->GetLength() == 0
            || value->GetPointer() == nullptr)
        {
            return false;
        }
        *data = reinterpret_cast<const uint8_t *>(value->GetPointer());
        *length = value->GetLength();
        return true;
    } catch (...) {
        return false;
    }
}

static const gdcm::SequenceOfItems *
sequence(struct dicom_file *file, const struct dicom_set *set, uint32_t tag)
{
    auto key = std::make_pair(set, tag);
    auto found = file->sequences.find(key);

    if (found == file->sequences.end()) {
        dicom_file::Items items;
        const gdcm::DataElement &element =
            data_set(set).GetDataElement(make_tag(tag));

        if (element.GetTag() == make_tag(tag) && !element.IsEmpty()) {
            items = element.GetValueAsSQ();
        }
        found = file->sequences.insert(std::make_pair(key, items)).first;
    }
    return found->second.GetPointer();
}

uint32_t
dicom_items(struct dicom_file *file, const struct dicom_set *set, uint32_t tag)
{
    try {
        const gdcm::SequenceOfItems *items = sequence(file, set, tag);

        return items == nullptr ? 0
            : static_cast<uint32_t>(items->GetNumberOfItems());
    } catch (...) {
        return 0;
    }
}

const struct dicom_set *
dicom_item(struct dicom_file *file, const struct dicom_set *set, uint32_t tag,
    uint32_t n)
{
    try {
        const gdcm::SequenceOfItems *items = sequence(file, set, tag);

        if (items == nullptr || n >= items->GetNumberOfItems()) {
            return nullptr;
        }
        return opaque(items->GetItem(n + 1).GetNestedDataSet());
    } catch (...) {
        return nullptr;
    }
}

const char *
dicom_dictionary_vr(uint32_t tag)
{
    try {
        const gdcm::Dict &dict = gdcm::Global::GetInstance().GetDicts()
            .GetPublicDict();
        gdcm::VR vr = dict.GetDictEntry(make_tag(tag)).GetVR();

        return vr == gdcm::VR::INVALID ? nullptr
            : gdcm::VR::GetVRString(vr);
    } catch (...) {
        return nullptr;
    }
}

static gdcm::PhotometricInterpretation
photometric(const struct dicom_codec *codec)
{
    typedef gdcm::PhotometricInterpretation PI;

    switch (codec->photometric) {
    case PHOTOMETRIC_MONOCHROME1: return PI::MONOCHROME1;
    case PHOTOMETRIC_PALETTE: return PI::PALETTE_COLOR;
    case PHOTOMETRIC_RGB: return PI::RGB;
    case PHOTOMETRIC_YBR_FULL: return PI::YBR_FULL;
    case PHOTOMETRIC_YBR_FULL_422: return PI::YBR_FULL_422;
    case PHOTOMETRIC_YBR_RCT: return PI::YBR_RCT;
    case PHOTOMETRIC_YBR_ICT: return PI::YBR_ICT;
    default: return PI::MONOCHROME2;
    }
}

template <typename Codec>
static bool
decode_with(const struct dicom_codec *params, const uint8_t *stream,
    size_t length, void *pixels, size_t size)
{
    const unsigned int dimensions[3] = { params->columns, params->rows, 1 };
    gdcm::PixelFormat format(params->samples, params->bits_allocated,
        params->bits_stored, params->high_bit, params->is_signed);
    gdcm::SmartPointer<gdcm::SequenceOfFragments> fragments =
        gdcm::SequenceOfFragments::New();
    gdcm::DataElement in(gdcm::Tag(0x7fe0, 0x0010)), out;
    gdcm::Fragment fragment;
    const gdcm::ByteValue *value;
    Codec codec;

    fragment.SetByteValue(reinterpret_cast<const char *>(stream),
        gdcm::VL(static_cast<uint32_t>(length)));
    fragments->AddFragment(fragment);
    in.SetVR(gdcm::VR::OB);
    in.SetValue(*fragments);

    codec.SetNumberOfDimensions(2);
    codec.SetDimensions(dimensions);
    codec.SetPlanarConfiguration(0);
    codec.SetPhotometricInterpretation(photometric(params));
    codec.SetPixelFormat(format);
    codec.SetNeedOverlayCleanup(false);
    if (!codec.Decode(in, out)) {
        return false;
    }

    value = out.GetByteValue();
    if (value == nullptr || value->GetLength() < size) {
        return false;
    }
    memcpy(pixels, value->GetPointer(), size);
    return true;
}

bool
dicom_decode(const struct dicom_codec *codec, const uint8_t *stream,
    size_t length, void *pixels, size_t size, struct decoder_error *error)
{
    const char *family = codec->transfer_syntax + strlen("1.2.840.10008.1.2.4");
    bool decoded = false;

    try {
        if (length == 0 || length > 0x7fffffff) {
            decoded = false;
        } else if (strcmp(family, ".80") == 0 || strcmp(family, ".81") == 0) {
            decoded = decode_with<gdcm::JPEGLSCodec>(codec, stream, length,
                pixels, size);
        } else if (strcmp(family, ".90") == 0 || strcmp(family, ".91") == 0) {
            decoded = decode_with<gdcm::JPEG2000Codec>(codec, stream, length,
                pixels, size);
        } else {
            decoded = decode_with<gdcm::JPEGCodec>(codec, stream, length,
                pixels, size);
        }
    } catch (const std::bad_alloc &) {
        set_error(error, DECODER_MEMORY, "the frame needs too much memory");
        return false;
    } catch (...) {
        decoded = false;
    }

    if (!decoded) {
        set_error(error, DECODER_INVALID, "the frame's code stream is damaged");
    }
    return decoded;
}

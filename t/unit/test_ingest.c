/*
 * Uploads enter the store whole, once, and only when they are DICOM with all
 * their pixels; what is refused leaves nothing behind.  UIDs that they lack are
 * derived from what they say.
 */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "dicom_bytes.h"
#include "digest.h"
#include "identity.h"
#include "ingest.h"
#include "log.h"
#include "wire.h"

/* links: render-worker/ingest.c render-worker/digest.c */
/* links: render-worker/digest_blocks.c render-worker/identity.c */
/* links: render-worker/store.c render-worker/follow.c */
/* links: render-worker/decoder.c render-worker/decoder_child.c */
/* links: render-worker/zygote.c render-worker/sandbox.c */
/* links: render-worker/header.c render-worker/header_frames.c */
/* links: render-worker/header_series.c render-worker/header_values.c */
/* links: render-worker/header_picture.c render-worker/header_tables.c */
/* links: render-worker/attribute.c render-worker/charset.c */
/* links: render-worker/meta.c render-worker/structure.c */
/* links: render-worker/child_content.c render-worker/dataset.c */
/* links: render-worker/dicom_json.c render-worker/element.c */
/* links: render-worker/json.c render-worker/metadata.c */
/* links: render-worker/fragments.c render-worker/index.c */
/* links: render-worker/index_values.c render-worker/header_graphics.c */
/* links: render-worker/pack.c render-worker/presentation.c */
/* links: render-worker/header_shutter.c render-worker/header_presentation.c */
/* links: render-worker/codec.c render-worker/codec_native.c */
/* links: render-worker/rle.c render-worker/inflated.c */
/* links: render-worker/codec_jxl.c render-worker/codec_video.c */
/* links: render-worker/codec_jpeg.c render-worker/jpeg_lossless.c */
/* links: render-worker/codec_jpegls.c render-worker/codec_jpeg2000.c */
/* links: render-worker/dicom_gdcm.cc render-worker/log.c */
/* pkg: libcrypto libseccomp libjpeg libopenjp2 charls zlib */
/* optional: libjxl */
/* libs: -lgdcmMSFF -lgdcmDSED -lgdcmDICT -lgdcmCommon */

static const uint8_t  user[16] = { 1 };

struct fixture {
    char             root[64];
    struct store    *store;
    struct decoder  *decoder;
};

static unsigned  files;


static int
count_file(const char *path, const struct stat *st, int type,
    struct FTW *where)
{
    files += type == FTW_F;
    return 0;
}


static int
remove_path(const char *path, const struct stat *st, int type,
    struct FTW *where)
{
    return remove(path);
}


static unsigned
count_objects(const struct fixture *f)
{
    char  path[100];

    files = 0;
    snprintf(path, sizeof(path), "%s/objects", f->root);
    nftw(path, count_file, 8, FTW_PHYS);
    return files;
}


static int
setup(void **state)
{
    const struct decoder_config  config = { 1, 10000, 512u << 20 };
    struct fixture              *f = calloc(1, sizeof(*f));

    log_set_level(LOG_LEVEL_ERROR);
    strcpy(f->root, "/tmp/dicom-ingest-XXXXXX");
    if (mkdtemp(f->root) == NULL) {
        return -1;
    }
    f->decoder = decoder_create(&config);
    f->store = store_open(f->root);
    *state = f;
    return f->decoder != NULL && f->store != NULL ? 0 : -1;
}


static int
teardown(void **state)
{
    struct fixture  *f = *state;

    decoder_destroy(f->decoder);
    store_close(f->store);
    nftw(f->root, remove_path, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}


static void
native_picture(struct dicom_bytes *b, const char *instance, size_t length)
{
    static const struct bytes_picture  picture = {
        .photometric = "MONOCHROME2", .rows = 4, .columns = 4, .samples = 1,
        .allocated = 16, .stored = 12
    };
    const uint8_t  pixels[32] = { 1, 2, 3 };

    bytes_meta(b, "1.2.840.10008.1.2.1");
    bytes_header(b, instance, &picture);
    bytes_element(b, 0x7fe00010, "OW", pixels, length);
}


/* Uploads the bytes, freeing them, and takes the upload away again. */
static void
upload(struct fixture *f, struct dicom_bytes *b, struct ingest_result *result)
{
    char  path[120];
    int   fd;

    snprintf(path, sizeof(path), "%s/incoming/0001", f->root);
    fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, b->data, b->length), b->length);
    close(fd);
    free(b->data);
    memset(b, 0, sizeof(*b));

    ingest_file(f->store, f->decoder, NULL, "incoming/0001", user, result);
    unlink(path);
}


static bool
get_field(const struct ingest_result *result, unsigned tag, char *text,
    size_t size)
{
    const uint8_t  *p = result->fields;
    const uint8_t  *end = p + result->fields_length;

    while (p < end) {
        struct wire_field  field;

        memcpy(&field, p, sizeof(field));
        if (field.tag == tag) {
            snprintf(text, size, "%.*s", (int) field.length,
                (const char *) p + sizeof(field));
            return true;
        }
        p += sizeof(field) + field.length;
    }
    return false;
}


static void
assert_refused(struct fixture *f, struct dicom_bytes *b, unsigned status,
    const char *slug, const char *detail)
{
    struct ingest_result  result;
    unsigned              before = count_objects(f);

    upload(f, b, &result);
    assert_int_equal(result.status, status);
    assert_string_equal(result.slug, slug);
    assert_string_equal(result.detail, detail);
    assert_null(result.fields);
    assert_int_equal(count_objects(f), before);
}


static void
test_store(void **state)
{
    struct fixture        *f = *state;
    struct ingest_result   result;
    struct dicom_bytes     b = { 0 };
    char                   location[100], text[100];
    int                    fd;

    native_picture(&b, "1.2.3.10", 32);
    upload(f, &b, &result);
    assert_int_equal(result.status, 200);
    assert_true(get_field(&result, WIRE_F_CREATED, text, sizeof(text)));
    assert_true(get_field(&result, WIRE_F_INSTANCE_UID, text, sizeof(text)));
    assert_string_equal(text, "1.2.3.10");
    assert_true(get_field(&result, WIRE_F_PATIENT_NAME, text, sizeof(text)));
    assert_string_equal(text, "Test^Picture");
    assert_true(get_field(&result, WIRE_F_FRAMES, text, sizeof(text)));
    assert_string_equal(text, "1");
    assert_true(get_field(&result, WIRE_F_MD5, text, sizeof(text)));
    assert_int_equal(strlen(text), 32);
    assert_true(get_field(&result, WIRE_F_LOCATION, location,
        sizeof(location)));
    assert_int_equal(count_objects(f), 1);
    free(result.fields);

    /* the same bytes again: known, and nothing new */
    native_picture(&b, "1.2.3.10", 32);
    upload(f, &b, &result);
    assert_int_equal(result.status, 200);
    assert_false(get_field(&result, WIRE_F_CREATED, text, sizeof(text)));
    assert_int_equal(count_objects(f), 1);
    free(result.fields);

    /* other bytes: another object */
    native_picture(&b, "1.2.3.11", 32);
    upload(f, &b, &result);
    assert_int_equal(result.status, 200);
    assert_int_equal(count_objects(f), 2);
    free(result.fields);

    fd = store_object(f->store, location);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(store_discard(f->store, location, time(NULL) + 2), 0);
    assert_int_equal(store_object(f->store, location), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(count_objects(f), 1);
}


static void
test_refusals(void **state)
{
    struct fixture      *f = *state;
    struct dicom_bytes   b = { 0 };
    struct bytes_picture picture = { .photometric = "MONOCHROME2", .rows = 4,
        .columns = 4, .samples = 1, .allocated = 16, .frames = 2 };
    const uint8_t        pixels[32] = { 0 };

    bytes_put(&b, "%PDF-1.4 this is something else", 31);
    assert_refused(f, &b, 400, "not-dicom", "this is no DICOM file");

    bytes_put(&b, "", 0);
    assert_refused(f, &b, 400, "not-dicom", "this is no DICOM file");

    /* cut short within the pixel data */
    native_picture(&b, "1.2.3.12", 32);
    b.length -= 5;
    assert_refused(f, &b, 422, "invalid-dicom",
        "the pixel data is cut short: the file ends before it does");

    /* less pixels than rows and columns say */
    native_picture(&b, "1.2.3.13", 30);
    assert_refused(f, &b, 422, "invalid-dicom", "the pixel data is shorter "
        "than rows, columns, samples and bits ask for");

    picture.rows = 5;
    bytes_meta(&b, "1.2.840.10008.1.2.1");
    bytes_header(&b, "1.2.3.14", &picture);
    bytes_element(&b, 0x7fe00010, "OW", pixels, sizeof(pixels));
    assert_refused(f, &b, 422, "invalid-dicom", "the pixel data is shorter "
        "than rows, columns, samples and bits ask for");

    /* neither what it is nor a picture */
    bytes_meta(&b, "1.2.840.10008.1.2.1");
    bytes_text(&b, 0x00080018, "UI", "1.2.3.15");
    bytes_text(&b, 0x00100020, "LO", "T-1");
    assert_refused(f, &b, 422, "invalid-dicom", "SOP Class UID is missing or "
        "no valid UID, and there is no picture");
}


/* A file's attributes, in the order of their tags; NULL: left out. */
struct said {
    const char  *sop_class, *instance, *date, *time, *modality, *name, *patient,
                *study, *series, *number;
    uint8_t      pixel;         /* tells two files apart */
};

struct named {
    char  study[65], series[65], instance[65], assigned[65];
};


static void
upload_said(struct fixture *f, const struct said *said, struct named *named)
{
    struct ingest_result  result;
    struct dicom_bytes    b = { 0 };
    const struct {
        uint32_t     tag;
        const char  *vr, *text;
    } texts[] = {
        { 0x00080016, "UI", said->sop_class },
        { 0x00080018, "UI", said->instance },
        { 0x00080020, "DA", said->date }, { 0x00080030, "TM", said->time },
        { 0x00080060, "CS", said->modality },
        { 0x00100010, "PN", said->name }, { 0x00100020, "LO", said->patient },
        { 0x0020000d, "UI", said->study }, { 0x0020000e, "UI", said->series },
        { 0x00200011, "IS", said->number }
    };

    bytes_meta(&b, "1.2.840.10008.1.2.1");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].text != NULL) {
            bytes_text(&b, texts[i].tag, texts[i].vr, texts[i].text);
        }
    }
    bytes_us(&b, 0x00280002, 1);
    bytes_text(&b, 0x00280004, "CS", "MONOCHROME2");
    bytes_us(&b, 0x00280010, 1);
    bytes_us(&b, 0x00280011, 2);
    bytes_us(&b, 0x00280100, 8);
    bytes_us(&b, 0x00280101, 8);
    bytes_us(&b, 0x00280102, 7);
    bytes_us(&b, 0x00280103, 0);
    bytes_element(&b, 0x7fe00010, "OB", (uint8_t [2]) { said->pixel, 0 }, 2);

    upload(f, &b, &result);
    assert_int_equal(result.status, 200);
    memset(named, 0, sizeof(*named));
    assert_true(get_field(&result, WIRE_F_STUDY_UID, named->study, 65));
    assert_true(get_field(&result, WIRE_F_SERIES_UID, named->series, 65));
    assert_true(get_field(&result, WIRE_F_INSTANCE_UID, named->instance, 65));
    get_field(&result, WIRE_F_ASSIGNED, named->assigned, 65);
    free(result.fields);
}


/* What a file does not name is derived from what it says, never by chance. */
static void
test_assigned(void **state)
{
    const struct said  whole = { "1.2.840.10008.5.1.4.1.1.7", "1.2.3.30",
        "20260102", "101112", "CT", "A^B", "T-1", "1.2.3.1", "1.2.3.2", "4",
        1 };
    struct said        said = whole;
    struct named       first, next;

    upload_said(*state, &whole, &first);
    assert_string_equal(first.assigned, "");

    /* only the instance; the same bytes, the same UID */
    said.instance = "1.2.x";
    upload_said(*state, &said, &first);
    assert_string_equal(first.assigned, "instance");
    assert_string_equal(first.series, "1.2.3.2");
    assert_memory_equal(first.instance, "2.25.", 5);
    upload_said(*state, &said, &next);
    assert_string_equal(next.instance, first.instance);
    said.pixel = 2;
    upload_said(*state, &said, &next);
    assert_string_not_equal(next.instance, first.instance);

    /* the series: together by its number, within the study */
    said = whole;
    said.series = NULL;
    upload_said(*state, &said, &first);
    assert_string_equal(first.assigned, "series");
    assert_string_equal(first.study, "1.2.3.1");
    said.instance = "1.2.3.31";
    upload_said(*state, &said, &next);
    assert_string_equal(next.series, first.series);
    said.modality = "MR";
    upload_said(*state, &said, &next);
    assert_string_not_equal(next.series, first.series);
    said.modality = "CT";
    said.number = "5";
    upload_said(*state, &said, &next);
    assert_string_not_equal(next.series, first.series);
    said.number = NULL;
    upload_said(*state, &said, &first);
    said.pixel = 2;
    upload_said(*state, &said, &next);
    assert_string_not_equal(next.series, first.series);

    /* the study of a series that is known */
    said = whole;
    said.study = "../../etc";
    upload_said(*state, &said, &first);
    assert_string_equal(first.assigned, "study");
    said.instance = "1.2.3.32";
    said.time = "111111";
    upload_said(*state, &said, &next);
    assert_string_equal(next.study, first.study);
    said.patient = "T-2";
    upload_said(*state, &said, &next);
    assert_string_not_equal(next.study, first.study);

    /* neither: by patient and time, if the file says enough */
    said = whole;
    said.study = said.series = said.instance = said.sop_class = NULL;
    upload_said(*state, &said, &first);
    assert_string_equal(first.assigned, "sop_class instance series study");
    said.pixel = 2;
    upload_said(*state, &said, &next);
    assert_string_equal(next.study, first.study);
    assert_string_equal(next.series, first.series);
    assert_string_not_equal(next.instance, first.instance);
    said.name = "C^D";
    upload_said(*state, &said, &next);
    assert_string_not_equal(next.study, first.study);
    said.name = "A^B";
    said.date = "20260103";
    upload_said(*state, &said, &next);
    assert_string_not_equal(next.study, first.study);

    /* and each alone if it does not */
    for (unsigned i = 0; i < 3; i++) {
        said = whole;
        said.study = said.series = said.instance = NULL;
        *(i == 0 ? &said.patient : i == 1 ? &said.date : &said.time) = NULL;
        upload_said(*state, &said, &first);
        said.pixel = 2;
        upload_said(*state, &said, &next);
        assert_string_not_equal(next.study, first.study);
        assert_string_not_equal(next.series, first.series);
    }
}


static void
write_incoming(struct fixture *f, const char *name, const char *instance)
{
    struct dicom_bytes  b = { 0 };
    char                path[120];
    FILE               *file;

    native_picture(&b, instance, 32);
    snprintf(path, sizeof(path), "%s/incoming/%s", f->root, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(b.data, b.length, 1, file), 1);
    fclose(file);
    free(b.data);
}


static nlink_t
names_of(struct fixture *f, const char *location)
{
    char         path[200];
    struct stat  st;

    snprintf(path, sizeof(path), "%s/%s", f->root, location);
    return stat(path, &st) == 0 ? st.st_nlink : 0;
}


static void
remove_incoming(struct fixture *f, const char *name)
{
    char  path[120];

    snprintf(path, sizeof(path), "%s/incoming/%s", f->root, name);
    assert_int_equal(unlink(path), 0);
}


/* Whoever uploads an object holds it by a second name; nobody takes it away. */
static void
test_claim(void **state)
{
    struct fixture        *f = *state;
    struct ingest_result   result;
    char                   location[100], text[10];
    int64_t                later = time(NULL) + 100;

    write_incoming(f, "a", "1.2.3.40");
    ingest_file(f->store, f->decoder, NULL, "incoming/a", user, &result);
    assert_int_equal(result.status, 200);
    assert_true(get_field(&result, WIRE_F_LOCATION, location,
        sizeof(location)));
    free(result.fields);
    assert_int_equal(names_of(f, location), 2);
    assert_int_equal(store_discard(f->store, location, later), -1);
    assert_int_equal(errno, EBUSY);

    /* looked at again: still its own */
    ingest_file(f->store, f->decoder, NULL, "incoming/a", user, &result);
    assert_int_equal(result.status, 200);
    assert_false(get_field(&result, WIRE_F_CREATED, text, sizeof(text)));
    free(result.fields);
    assert_int_equal(names_of(f, location), 2);

    /* the same file of somebody else becomes a name of the object */
    write_incoming(f, "b", "1.2.3.40");
    ingest_file(f->store, f->decoder, NULL, "incoming/b", user, &result);
    assert_int_equal(result.status, 200);
    free(result.fields);
    assert_int_equal(names_of(f, location), 3);

    remove_incoming(f, "a");
    assert_int_equal(store_discard(f->store, location, later), -1);
    assert_int_equal(errno, EBUSY);
    remove_incoming(f, "b");

    /* touched just now: who knew earlier that nothing names it knows nothing */
    assert_int_equal(store_discard(f->store, location, time(NULL) - 10), -1);
    assert_int_equal(errno, EBUSY);
    assert_int_equal(names_of(f, location), 1);

    /* described as it is, and as it is not */
    ingest_object(f->store, f->decoder, location, user, &result);
    assert_int_equal(result.status, 200);
    assert_true(get_field(&result, WIRE_F_INSTANCE_UID, text, sizeof(text)));
    assert_string_equal(text, "1.2.3.40");
    free(result.fields);
    assert_int_equal(store_discard(f->store, location, later), 0);
    assert_int_equal(names_of(f, location), 0);
    assert_int_equal(store_discard(f->store, location, later), -1);
    assert_int_equal(errno, ENOENT);
    ingest_object(f->store, f->decoder, location, user, &result);
    assert_int_equal(result.status, 404);
}


struct racer {
    struct fixture  *f;
    char             location[100];
    atomic_bool      end;
    unsigned         removed;
};


static void *
discard_always(void *data)
{
    struct racer  *racer = data;

    while (!atomic_load(&racer->end)) {
        racer->removed += store_discard(racer->f->store, racer->location,
            INT64_MAX) == 0;
    }
    return NULL;
}


/* What an upload was told is there stays there for as long as it lasts. */
static void
test_race(void **state)
{
    struct racer          racer = { .f = *state };
    struct ingest_result  result;
    pthread_t             thread;
    unsigned              created = 0, found = 0;
    char                  text[10];

    write_incoming(racer.f, "race", "1.2.3.41");
    ingest_file(racer.f->store, racer.f->decoder, NULL, "incoming/race", user,
        &result);
    assert_true(get_field(&result, WIRE_F_LOCATION, racer.location,
        sizeof(racer.location)));
    free(result.fields);
    remove_incoming(racer.f, "race");
    assert_int_equal(pthread_create(&thread, NULL, discard_always, &racer), 0);

    for (unsigned i = 0; i < 100; i++) {
        write_incoming(racer.f, "race", "1.2.3.41");
        write_incoming(racer.f, "again", "1.2.3.41");
        ingest_file(racer.f->store, racer.f->decoder, NULL,
            "incoming/race", user, &result);
        assert_int_equal(result.status, 200);
        created += get_field(&result, WIRE_F_CREATED, text, sizeof(text));
        free(result.fields);
        assert_true(names_of(racer.f, racer.location) >= 2);

        /* one goes just as another comes */
        remove_incoming(racer.f, "race");
        ingest_file(racer.f->store, racer.f->decoder, NULL,
            "incoming/again", user, &result);
        assert_int_equal(result.status, 200);
        found += !get_field(&result, WIRE_F_CREATED, text, sizeof(text));
        free(result.fields);
        assert_true(names_of(racer.f, racer.location) >= 2);
        remove_incoming(racer.f, "again");
    }

    atomic_store(&racer.end, true);
    pthread_join(thread, NULL);
    assert_true(created > 0 && racer.removed > 0);
    print_message("%u created, %u found, %u removed\n", created, found,
        racer.removed);
    store_discard(racer.f->store, racer.location, INT64_MAX);
}


/* A file that makes GDCM abort costs a child, and the next one is served. */
static void
test_abort(void **state)
{
    struct fixture        *f = *state;
    struct ingest_result   result;
    struct dicom_bytes     b = { 0 };

    bytes_meta(&b, "1.2.840.10008.1.2.1");
    bytes_header(&b, "1.2.3.16", NULL);
    /* a sequence and an item of it that nothing ends */
    bytes_put(&b, "\x40\x00\x75\x02" "SQ\0\0\xff\xff\xff\xff", 12);
    bytes_put(&b, "\xfe\xff\x00\xe0\xff\xff\xff\xff", 8);
    bytes_text(&b, 0x00400007, "LO", "open");
    assert_refused(f, &b, 422, "invalid-dicom",
        "the data set is malformed: the parser failed on it");

    native_picture(&b, "1.2.3.17", 32);
    upload(f, &b, &result);
    assert_int_equal(result.status, 200);
    free(result.fields);
}


/* Without a picture a file is stored just as well. */
static void
test_no_picture(void **state)
{
    struct fixture        *f = *state;
    struct ingest_result   result;
    struct dicom_bytes     b = { 0 };
    char                   text[20];

    bytes_meta(&b, "1.2.840.10008.1.2.1");
    bytes_header(&b, "1.2.3.18", NULL);
    upload(f, &b, &result);
    assert_int_equal(result.status, 200);
    assert_true(get_field(&result, WIRE_F_FRAMES, text, sizeof(text)));
    assert_string_equal(text, "0");
    assert_false(get_field(&result, WIRE_F_ROWS, text, sizeof(text)));
    free(result.fields);
}


static void
test_paths(void **state)
{
    static const char  *const paths[] = {
        "/etc/passwd", "incoming", "incoming/", "incoming/../objects",
        "incoming//x", "incoming/.hidden", "objects/aa", "incoming/a\nb", ""
    };
    static const char  *const locations[] = {
        "", "objects/ab/cd/x.dcm", "/etc/passwd",
        "objects/../../etc/passwd/0000000000000000000000000000000000000000000"
            "00000000.dcm",
        "objects/ab/cd/abce00000000000000000000000000000000000000000000000000"
            "0000000000.dcm"
    };
    struct fixture        *f = *state;
    struct ingest_result   result;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ingest_file(f->store, f->decoder, NULL, paths[i], user, &result);
        assert_int_equal(result.status, 500);
        assert_string_equal(result.slug, "store-error");
    }
    for (size_t i = 0; i < sizeof(locations) / sizeof(locations[0]); i++) {
        assert_int_equal(store_object(f->store, locations[i]), -1);
        assert_int_equal(errno, EINVAL);
        assert_int_equal(store_discard(f->store, locations[i], INT64_MAX), -1);
        assert_int_equal(errno, EINVAL);
    }
}


/* A store of so few inodes that the object's name does not fit any more. */
static void
test_full(void **state)
{
    struct fixture        *f = *state, full = { .decoder = f->decoder };
    struct ingest_result   result;
    struct dicom_bytes     b = { 0 };

    strcpy(full.root, "/tmp/dicom-full-XXXXXX");
    assert_non_null(mkdtemp(full.root));
    if (unshare(CLONE_NEWNS) == -1
        || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1
        || mount("none", full.root, "tmpfs", 0, "size=1m,nr_inodes=6") == -1)
    {
        rmdir(full.root);
        skip();
    }

    full.store = store_open(full.root);
    assert_non_null(full.store);
    native_picture(&b, "1.2.3.20", 32);
    upload(&full, &b, &result);
    assert_int_equal(result.status, 507);
    assert_string_equal(result.slug, "store-full");
    assert_null(result.fields);
    assert_int_equal(count_objects(&full), 0);

    store_close(full.store);
    assert_int_equal(umount2(full.root, MNT_DETACH), 0);
    rmdir(full.root);
}


/* What a killed nginx left goes at the next start; what is on its way stays. */
static void
test_abandoned(void **state)
{
    static const struct {
        const char  *name;
        time_t       age;
        bool         stays;
    } uploads[] = {
        { "0000000001", 7200, false }, { "0000000002", 60, true },
        { "0000000003", 0, true }
    };
    struct fixture  *f = *state;
    struct timespec  times[2] = { { 0 }, { 0 } };
    char             path[120];

    for (size_t i = 0; i < sizeof(uploads) / sizeof(uploads[0]); i++) {
        snprintf(path, sizeof(path), "%s/incoming/%s", f->root,
            uploads[i].name);
        fclose(fopen(path, "w"));
        times[0].tv_sec = times[1].tv_sec = time(NULL) - uploads[i].age;
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }

    store_close(f->store);
    f->store = store_open(f->root);
    assert_non_null(f->store);

    for (size_t i = 0; i < sizeof(uploads) / sizeof(uploads[0]); i++) {
        snprintf(path, sizeof(path), "%s/incoming/%s", f->root,
            uploads[i].name);
        assert_int_equal(access(path, F_OK) == 0, uploads[i].stays);
    }
}


static void
test_digest(void **state)
{
    struct digest  digest;
    FILE          *file = tmpfile();

    assert_true(digest_file(fileno(file), &digest));
    assert_string_equal(digest.md5, "d41d8cd98f00b204e9800998ecf8427e");
    assert_string_equal(digest.sha256, "e3b0c44298fc1c149afbf4c8996fb924"
        "27ae41e4649b934ca495991b7852b855");

    /* more than one block, the last one short: 5,000,000 bytes of "a" */
    for (unsigned i = 0; i < 50000; i++) {
        char  line[100];

        memset(line, 'a', sizeof(line));
        fwrite(line, sizeof(line), 1, file);
    }
    fflush(file);
    assert_true(digest_file(fileno(file), &digest));
    assert_int_equal(digest.size, 5000000);
    assert_string_equal(digest.md5, "ca6e2f55ffd30e828d900707296d91d9");
    assert_string_equal(digest.sha256, "7f4a285193573e707fcb6398222c00f0"
        "44745cd2930e41d28d30da87d6ca183f");
    fclose(file);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_assigned),
        cmocka_unit_test(test_claim),
        cmocka_unit_test(test_race),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_no_picture),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_digest),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

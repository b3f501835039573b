#include "files.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>

#include "phantom.h"
#include "writer.h"

#define EXPLICIT_LE    "1.2.840.10008.1.2.1"
#define JPEG_BASELINE  "1.2.840.10008.1.2.4.50"
#define CT_IMAGE       "1.2.840.10008.5.1.4.1.1.2"
#define CR_IMAGE       "1.2.840.10008.5.1.4.1.1.1"
#define US_MULTIFRAME  "1.2.840.10008.5.1.4.1.1.3.1"
#define SC_IMAGE       "1.2.840.10008.5.1.4.1.1.7"
#define SC_WORD_MULTI  "1.2.840.10008.5.1.4.1.1.7.3"

#define HEAD_SIZE      512
#define HEAD_SPACING   0.43f
#define HEAD_SLICES    136
#define HEAD_STEP      1.2f
#define HEAD_BOTTOM    (-66.0f)
#define BREAST_COLUMNS 2457
#define BREAST_ROWS    1996
#define BREAST_FRAMES  20
#define HEART_COLUMNS  800
#define HEART_ROWS     600
#define HEART_FRAMES   48
#define CHEST_COLUMNS  2000
#define CHEST_ROWS     2400

/* Everything above the picture that a file of the demo says. */
struct study {
    const char *key;            /* UIDs are made of it */
    const char *patient, *patient_id, *birth_date, *sex, *age;
    const char *date, *time, *accession, *description;
    const char *modality, *series, *body_part, *image_type;
    const char *sop_class;
};

static const struct study head_study = {
    "head", "Kovačević^Željko", "DEMO-1001", "19560314", "M", "070Y",
    "20261103", "081530", "A260001", "CT glave bez kontrasta",
    "CT", "Head 1.2 mm", "HEAD", "ORIGINAL\\PRIMARY\\AXIAL", CT_IMAGE,
};

static const struct study breast_study = {
    "breast", "Horvat^Ana", "DEMO-1002", "19680722", "F", "058Y",
    "20261109", "101205", "A260002", "Breast tomosynthesis, left",
    "MG", "L MLO slices", "BREAST", "DERIVED\\PRIMARY", SC_WORD_MULTI,
};

static const struct study heart_study = {
    "heart", "Babić^Đurđa", "DEMO-1003", "19491130", "F", "076Y",
    "20261112", "133010", "A260003", "Echocardiography",
    "US", "Apical four chambers, colour Doppler", "HEART",
    "ORIGINAL\\PRIMARY", US_MULTIFRAME,
};

static const struct study chest_study = {
    "chest", "Novak^Ivan", "DEMO-1004", "19910508", "M", "035Y",
    "20261118", "154422", "A260004", "Chest PA",
    "CR", "PA", "CHEST", "ORIGINAL\\PRIMARY", CR_IMAGE,
};

/* Group 0008: all that stands before the patient. */
static void put_head(struct dataset *ds, const struct study *s,
    const char *sop_class, const char *instance)
{
    put(ds, 0x00080005, "CS", "ISO_IR 192");
    put(ds, 0x00080008, "CS", s->image_type);
    put(ds, 0x00080016, "UI", sop_class);
    put(ds, 0x00080018, "UI", instance);
    put(ds, 0x00080020, "DA", s->date);
    put(ds, 0x00080021, "DA", s->date);
    put(ds, 0x00080022, "DA", s->date);
    put(ds, 0x00080023, "DA", s->date);
    put(ds, 0x00080030, "TM", s->time);
    put(ds, 0x00080031, "TM", s->time);
    put(ds, 0x00080032, "TM", s->time);
    put(ds, 0x00080033, "TM", s->time);
    put(ds, 0x00080050, "SH", s->accession);
    put(ds, 0x00080060, "CS", s->modality);
    if (memcmp(sop_class, SC_IMAGE, sizeof(SC_IMAGE) - 1) == 0) {
        put(ds, 0x00080064, "CS", "SYN");
    }
    put(ds, 0x00080070, "LO", "Demonstration phantom");
    put(ds, 0x00080080, "LO", "Demo hospital");
    put(ds, 0x00080090, "PN", "Marić^Lucija^^dr.");
    put(ds, 0x00081030, "LO", s->description);
    put(ds, 0x0008103e, "LO", s->series);
}

static void put_patient(struct dataset *ds, const struct study *s)
{
    put(ds, 0x00100010, "PN", s->patient);
    put(ds, 0x00100020, "LO", s->patient_id);
    put(ds, 0x00100021, "LO", "DEMO-HOSPITAL");
    put(ds, 0x00100030, "DA", s->birth_date);
    put(ds, 0x00100040, "CS", s->sex);
    put(ds, 0x00101010, "AS", s->age);
}

/* Group 0020 up to the instance number. */
static void put_relations(struct dataset *ds, const struct study *s, int number)
{
    char uid[UID_SIZE];

    uid_of(uid, "study %s", s->key);
    put(ds, 0x0020000d, "UI", uid);
    uid_of(uid, "series %s %s", s->key, s->sop_class);
    put(ds, 0x0020000e, "UI", uid);
    put(ds, 0x00200010, "SH", s->accession);
    put(ds, 0x00200011, "IS", "1");
    put(ds, 0x00200012, "IS", "1");
    put_format(ds, 0x00200013, "IS", "%d", number);
}

static void put_gray(struct dataset *ds, const char *photometric, int rows,
    int columns, int frames)
{
    put_us(ds, 0x00280002, 1);
    put(ds, 0x00280004, "CS", photometric);
    if (frames > 0) {
        put_format(ds, 0x00280008, "IS", "%d", frames);
        put_at(ds, 0x00280009, 0x00182001);
    }
    put_us(ds, 0x00280010, (uint16_t) rows);
    put_us(ds, 0x00280011, (uint16_t) columns);
}

static void put_bits(struct dataset *ds, int allocated, int stored)
{
    put_us(ds, 0x00280100, (uint16_t) allocated);
    put_us(ds, 0x00280101, (uint16_t) stored);
    put_us(ds, 0x00280102, (uint16_t) (stored - 1));
    put_us(ds, 0x00280103, 0);
}

/* number 0: the file of the whole series. */
static bool write_to(const struct order *o, const struct study *s, int number,
    const char *instance, const char *syntax, struct dataset *ds)
{
    char path[4096];
    bool ok;

    if (number == 0) {
        snprintf(path, sizeof(path), "%s/%s.dcm", o->folder, s->key);
    } else {
        snprintf(path, sizeof(path), "%s/%s-%04d.dcm", o->folder, s->key,
            number);
    }
    ok = write_file(path, s->sop_class, instance, syntax, ds);
    dataset_finish(ds);
    return ok;
}

/* --- drawing on all processors */

struct slices {
    void (*draw)(uint16_t *pixels, int number, int count);
    uint16_t *pixels;
    size_t size;                /* of one, in pixels */
    int count, next;
    pthread_mutex_t lock;
};

static void *draw_slices(void *arg)
{
    struct slices *s = arg;

    for (;;) {
        pthread_mutex_lock(&s->lock);
        int i = s->next++;
        pthread_mutex_unlock(&s->lock);
        if (i >= s->count) {
            return NULL;
        }
        s->draw(s->pixels + s->size * i, i, s->count);
    }
}

/* As many threads as processors, at most eight.  The caller frees pixels. */
static bool draw_all(struct slices *s)
{
    pthread_t threads[8];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int n = 0, wanted = processors < 1 ? 1 : processors > 8 ? 8
                                                            : (int) processors;

    s->pixels = malloc(sizeof(uint16_t) * s->size * s->count);
    if (s->pixels == NULL) {
        fprintf(stderr, "demo-dicom: out of memory\n");
        return false;
    }

    pthread_mutex_init(&s->lock, NULL);
    while (n < wanted
        && pthread_create(&threads[n], NULL, draw_slices, s) == 0)
    {
        n++;
    }
    if (n == 0) {
        draw_slices(s);
    }
    while (n > 0) {
        pthread_join(threads[--n], NULL);
    }
    pthread_mutex_destroy(&s->lock);
    return true;
}

/* --- the head */

static float slice_height(int i)
{
    return HEAD_BOTTOM + HEAD_STEP * (float) i;
}

static void draw_head(uint16_t *pixels, int number, int count)
{
    (void) count;
    head_slice(pixels, HEAD_SIZE, HEAD_SPACING, slice_height(number),
        (uint32_t) number);
}

static bool write_slice(const struct order *o, int number, float z,
    const uint16_t *pixels)
{
    const struct study *s = &head_study;
    char uid[UID_SIZE];
    struct dataset ds = { 0 };
    float corner = -HEAD_SPACING * (HEAD_SIZE - 1) / 2;

    uid_of(uid, "instance %s %d", s->key, number);
    put_head(&ds, s, s->sop_class, uid);
    put_patient(&ds, s);
    put(&ds, 0x00180015, "CS", s->body_part);
    put_format(&ds, 0x00180050, "DS", "%.2f", (double) HEAD_STEP);
    put(&ds, 0x00180060, "DS", "120");
    put(&ds, 0x00180088, "DS", "1.2");
    put(&ds, 0x00181120, "DS", "0");
    put(&ds, 0x00181151, "IS", "280");
    put(&ds, 0x00185100, "CS", "HFS");
    put_relations(&ds, s, number);
    put_format(&ds, 0x00200032, "DS", "%.3f\\%.3f\\%.2f", (double) corner,
        (double) corner, (double) z);
    put(&ds, 0x00200037, "DS", "1\\0\\0\\0\\1\\0");
    uid_of(uid, "frame of reference %s", s->key);
    put(&ds, 0x00200052, "UI", uid);
    put(&ds, 0x00201040, "LO", "OM");
    put_format(&ds, 0x00201041, "DS", "%.2f", (double) z);
    put_gray(&ds, "MONOCHROME2", HEAD_SIZE, HEAD_SIZE, 0);
    put_format(&ds, 0x00280030, "DS", "%.2f\\%.2f", (double) HEAD_SPACING,
        (double) HEAD_SPACING);
    put_bits(&ds, 16, 12);
    put(&ds, 0x00281050, "DS", "40\\500");
    put(&ds, 0x00281051, "DS", "80\\2500");
    put(&ds, 0x00281052, "DS", "-1024");
    put(&ds, 0x00281053, "DS", "1");
    put(&ds, 0x00281054, "LO", "HU");
    put(&ds, 0x00281055, "LO", "BRAIN\\BONE");
    put_bytes(&ds, 0x7fe00010, "OW", pixels, HEAD_SIZE * HEAD_SIZE * 2);

    uid_of(uid, "instance %s %d", s->key, number);
    return write_to(o, s, number, uid, EXPLICIT_LE, &ds);
}

static bool write_multi(const struct order *o, const struct study *s, int rows,
    int columns, double spacing, const uint16_t *pixels, int have, int frames);

static bool write_head(const struct order *o)
{
    int frames = o->frames > 0 ? o->frames : HEAD_SLICES;
    struct slices s = { .draw = draw_head, .size = HEAD_SIZE * HEAD_SIZE,
        .count = frames < HEAD_SLICES ? frames : HEAD_SLICES };
    bool ok = true;

    if (!draw_all(&s)) {
        return false;
    }

    if (o->multi == 1) {
        struct study multi = head_study;
        multi.sop_class = SC_WORD_MULTI;
        multi.image_type = "DERIVED\\PRIMARY";
        ok = write_multi(o, &multi, HEAD_SIZE, HEAD_SIZE, HEAD_SPACING,
            s.pixels, s.count, frames);
    } else {
        for (int i = 0; i < frames && ok; i++) {
            ok = write_slice(o, i + 1, slice_height(i),
                s.pixels + s.size * (i % s.count));
        }
    }

    free(s.pixels);
    return ok;
}

/* --- the breast, and gray multi-frame files in general */

static void put_word_image(struct dataset *ds, const struct study *s, int rows,
    int columns, double spacing, int frames)
{
    bool ct = strcmp(s->modality, "CT") == 0;

    put_gray(ds, "MONOCHROME2", rows, columns, frames);
    put_format(ds, 0x00280030, "DS", "%.3g\\%.3g", spacing, spacing);
    put_bits(ds, 16, frames > 0 ? 16 : 12);
    put(ds, 0x00280301, "CS", "NO");
    if (ct) {
        put(ds, 0x00281050, "DS", "40");
        put(ds, 0x00281051, "DS", "80");
        put(ds, 0x00281052, "DS", "-1024");
    } else {
        put(ds, 0x00281050, "DS", "1650");
        put(ds, 0x00281051, "DS", "2900");
        put(ds, 0x00281052, "DS", "0");
    }
    put(ds, 0x00281053, "DS", "1");
    put(ds, 0x00281054, "LO", ct ? "HU" : "US");
    put(ds, 0x00282110, "CS", "00");
    if (frames > 0) {
        put(ds, 0x20500020, "CS", "IDENTITY");
    }
}

static void put_word_file(struct dataset *ds, const struct study *s,
    const char *uid, int number, int rows, int columns, double spacing,
    int frames)
{
    put_head(ds, s, s->sop_class, uid);
    put_patient(ds, s);
    put(ds, 0x00180015, "CS", s->body_part);
    if (frames > 0) {
        /* Page Number Vector, to which the Frame Increment Pointer points. */
        char *text = malloc((size_t) frames * 7 + 1), *end = text;
        if (text == NULL) {
            ds->failed = true;
            return;
        }
        for (int i = 1; i <= frames; i++) {
            end += sprintf(end, i == 1 ? "%d" : "\\%d", i);
        }
        put(ds, 0x00182001, "IS", text);
        free(text);
    }
    put_relations(ds, s, number);
    put(ds, 0x00200020, "CS", "A\\FR");
    if (strcmp(s->body_part, "BREAST") == 0) {
        put(ds, 0x00200060, "CS", "L");
    }
    put_word_image(ds, s, rows, columns, spacing, frames);
}

static bool write_multi(const struct order *o, const struct study *s, int rows,
    int columns, double spacing, const uint16_t *pixels, int have, int frames)
{
    size_t frame = (size_t) rows * columns * 2;
    char uid[UID_SIZE];
    struct dataset ds = { 0 };
    uint8_t *all = malloc(frame * frames);

    if (all == NULL) {
        fprintf(stderr, "demo-dicom: out of memory\n");
        return false;
    }
    for (int i = 0; i < frames; i++) {
        memcpy(all + frame * i, (const uint8_t *) pixels + frame * (i % have),
            frame);
    }

    uid_of(uid, "instance %s %d frames", s->key, frames);
    put_word_file(&ds, s, uid, 1, rows, columns, spacing, frames);
    put_bytes(&ds, 0x7fe00010, "OW", all, frame * frames);
    free(all);
    return write_to(o, s, 0, uid, EXPLICIT_LE, &ds);
}

static bool write_single(const struct order *o, const struct study *s,
    int number, int rows, int columns, double spacing, const uint16_t *pixels)
{
    char uid[UID_SIZE];
    struct dataset ds = { 0 };

    uid_of(uid, "instance %s %d", s->key, number);
    put_word_file(&ds, s, uid, number, rows, columns, spacing, 0);
    put_bytes(&ds, 0x7fe00010, "OW", pixels, (size_t) rows * columns * 2);
    return write_to(o, s, number, uid, EXPLICIT_LE, &ds);
}

static void draw_breast(uint16_t *pixels, int number, int count)
{
    breast_slice(pixels, BREAST_COLUMNS, BREAST_ROWS,
        ((float) number + 0.5f) / (float) count, (uint32_t) number);
}

static bool write_breast(const struct order *o)
{
    int frames = o->frames > 0 ? o->frames : BREAST_FRAMES;
    struct slices s = { .draw = draw_breast,
        .size = (size_t) BREAST_ROWS * BREAST_COLUMNS,
        .count = frames < BREAST_FRAMES ? frames : BREAST_FRAMES };
    bool ok = true;

    if (!draw_all(&s)) {
        return false;
    }

    if (o->multi == 0) {
        struct study single = breast_study;
        single.sop_class = SC_IMAGE;
        for (int i = 0; i < frames && ok; i++) {
            ok = write_single(o, &single, i + 1, BREAST_ROWS, BREAST_COLUMNS,
                0.1, s.pixels + s.size * (i % s.count));
        }
    } else {
        ok = write_multi(o, &breast_study, BREAST_ROWS, BREAST_COLUMNS, 0.1,
            s.pixels, s.count, frames);
    }

    free(s.pixels);
    return ok;
}

/* --- the heart */

static bool encode_jpeg(struct dataset *frame, const uint8_t *rgb, int columns,
    int rows)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned long length = 0;
    unsigned char *bytes = NULL;

    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &length);
    jpeg.image_width = (JDIMENSION) columns;
    jpeg.image_height = (JDIMENSION) rows;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 90, TRUE);
    jpeg.comp_info[0].h_samp_factor = 2;        /* YBR_FULL_422 */
    jpeg.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = (JSAMPROW) (rgb
            + (size_t) jpeg.next_scanline * columns * 3);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);

    frame->bytes = bytes;
    frame->length = frame->size = length;
    return bytes != NULL;
}

static void put_heart(struct dataset *ds, const struct study *s,
    const char *uid, int frames, double ratio)
{
    put_head(ds, s, s->sop_class, uid);
    put_patient(ds, s);
    put(ds, 0x00180015, "CS", s->body_part);
    put(ds, 0x00181063, "DS", "40");
    put(ds, 0x00181088, "IS", "72");
    put_relations(ds, s, 1);
    put(ds, 0x00200020, "CS", "");
    put_us(ds, 0x00280002, 3);
    put(ds, 0x00280004, "CS", "YBR_FULL_422");
    put_us(ds, 0x00280006, 0);
    put_format(ds, 0x00280008, "IS", "%d", frames);
    put_at(ds, 0x00280009, 0x00181063);
    put_us(ds, 0x00280010, HEART_ROWS);
    put_us(ds, 0x00280011, HEART_COLUMNS);
    put_bits(ds, 8, 8);
    put(ds, 0x00282110, "CS", "01");
    put_format(ds, 0x00282112, "DS", "%.2f", ratio);
    put(ds, 0x00282114, "CS", "ISO_10918_1");
}

static bool write_heart(const struct order *o)
{
    const struct study *s = &heart_study;
    int frames = o->frames > 0 ? o->frames : HEART_FRAMES;
    struct dataset *encoded = calloc((size_t) frames, sizeof(*encoded));
    uint8_t *rgb = malloc((size_t) HEART_COLUMNS * HEART_ROWS * 3);
    struct dataset ds = { 0 };
    char uid[UID_SIZE];
    double bytes = 1;
    bool ok = encoded != NULL && rgb != NULL;

    for (int i = 0; i < frames && ok; i++) {
        float cycle = 2 * (float) (i % HEART_FRAMES) / HEART_FRAMES;
        heart_picture(rgb, HEART_COLUMNS, HEART_ROWS,
            cycle >= 1 ? cycle - 1 : cycle, cycle, (uint32_t) i);
        ok = encode_jpeg(&encoded[i], rgb, HEART_COLUMNS, HEART_ROWS);
        bytes += (double) encoded[i].length;
    }

    if (ok) {
        uid_of(uid, "instance %s %d frames", s->key, frames);
        put_heart(&ds, s, uid, frames,
            3.0 * HEART_COLUMNS * HEART_ROWS * frames / bytes);
        put_frames(&ds, encoded, (size_t) frames);
        ok = write_to(o, s, 0, uid, JPEG_BASELINE, &ds);
    } else {
        fprintf(stderr, "demo-dicom: out of memory\n");
    }

    for (int i = 0; encoded != NULL && i < frames; i++) {
        dataset_finish(&encoded[i]);
    }
    free(encoded);
    free(rgb);
    return ok;
}

/* --- the chest */

static bool write_chest(const struct order *o)
{
    const struct study *s = &chest_study;
    size_t count = (size_t) CHEST_COLUMNS * CHEST_ROWS;
    uint16_t *pixels = malloc(sizeof(uint16_t) * count);
    struct dataset ds = { 0 };
    char uid[UID_SIZE];

    if (pixels == NULL) {
        fprintf(stderr, "demo-dicom: out of memory\n");
        return false;
    }
    chest_picture(pixels, CHEST_COLUMNS, CHEST_ROWS);

    uid_of(uid, "instance %s", s->key);
    put_head(&ds, s, s->sop_class, uid);
    put_patient(&ds, s);
    put(&ds, 0x00180015, "CS", s->body_part);
    put(&ds, 0x00180060, "DS", "125");
    put(&ds, 0x00181164, "DS", "0.175\\0.175");
    put(&ds, 0x00185101, "CS", "PA");
    put_relations(&ds, s, 1);
    put(&ds, 0x00200020, "CS", "L\\F");
    put_gray(&ds, "MONOCHROME1", CHEST_ROWS, CHEST_COLUMNS, 0);
    put_bits(&ds, 16, 12);
    put(&ds, 0x00281050, "DS", "2100");
    put(&ds, 0x00281051, "DS", "2900");
    put_bytes(&ds, 0x7fe00010, "OW", pixels, count * 2);
    free(pixels);
    return write_to(o, s, 0, uid, EXPLICIT_LE, &ds);
}

const struct series_writer series_writers[] = {
    { "head", write_head },
    { "breast", write_breast },
    { "heart", write_heart },
    { "chest", write_chest },
    { NULL, NULL },
};

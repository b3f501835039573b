/*
 * The index of an instance as it comes back from the database: whatever is
 * accepted is encoded to the same again, and serves everything that is made of
 * an index: tables of grays, letters, the order of layers.
 */

#include "geometry.h"
#include "indexes.h"
#include "series.h"
#include "voi.h"
#include "wire.h"

static void
check_table(const struct dicom_index *index, uint32_t frame,
    struct voi_choice choice)
{
    struct voi_table  table;
    const char       *error = NULL;

    if (!voi_table_init(&table, index, frame, &choice, -7, 3000, &error)) {
        fuzz_check(error != NULL);
        return;
    }
    fuzz_check(choice.function != WIRE_VOI_FILE);
    if (choice.function != WIRE_VOI_LUT) {
        fuzz_check(isfinite(choice.center) && choice.width > 0);
    }
    fuzz_check(table.count == 0 || table.count == 1u << table.bits.bits);
    for (uint32_t i = 0; i < table.count; i += 1 + table.count / 4096) {
        fuzz_check(table.value[i] >= 0 && table.value[i] <= 255);
        fuzz_check((int) (table.value[i] + 0.5f) == table.display[i]);
    }
    voi_table_finish(&table);
}


static void
use(const struct dicom_index *index, struct fuzz *f)
{
    struct voi_choice      choice = { 0 };
    struct series          series;
    struct view            view = { .width = 100, .height = 80, .zoom = 1 };
    char                   letters[4][4];
    double                 matrix[6];
    uint32_t               frame;

    if (index->nframes == 0) {
        return;
    }
    frame = index->nframes - 1;
    choice.function = (uint8_t) (fuzz_number(f, 1) % 5);
    choice.index = (uint8_t) (fuzz_number(f, 1) % 20);
    choice.invert = (uint8_t) (fuzz_number(f, 1) % 2);
    if (fuzz_number(f, 1) % 2) {
        choice.has_window = true;
        choice.center = fuzz_decimal(f);
        choice.width = fabs(fuzz_decimal(f)) + 1;
    }
    check_table(index, frame, choice);
    (void) voi_modality(index, frame, 17);

    view.rotate = fuzz_decimal(f);
    view.flip = (uint8_t) (fuzz_number(f, 1) % 4);
    if (!geometry_view(&view, index->columns, index->rows,
        index->pixel_aspect, matrix))
    {
        fuzz_check(index->pixel_aspect < 1e-300
            || index->pixel_aspect > 1e300);
    }
    geometry_letters(index, frame, &view, letters);
    for (unsigned i = 0; i < 4; i++) {
        fuzz_check(strlen(letters[i]) <= 3
            && strspn(letters[i], "RLAPHF") == strlen(letters[i]));
    }

    fuzz_check(series_split(&index, 1, &series));
    fuzz_check(series.nlayers == index->nframes && series.nparts > 0);
    for (uint32_t i = 0; i < series.nlayers; i++) {
        fuzz_check(series.layers[i].frame < index->nframes);
    }
    series_finish(&series);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz         f = { data, size };
    struct dicom_index  index, again;
    const char         *error = NULL;
    uint8_t            *bytes, *first, *second;
    size_t              length, nfirst, nsecond;
    unsigned            how = (unsigned) fuzz_number(&f, 1) % 4;
    struct fuzz         options = { f.data, f.size < 16 ? f.size : 16 };

    f.data += options.size;
    f.size -= options.size;
    bytes = how == 0 ? fuzz_take(&f, SIZE_MAX, &length)
        : how == 1 ? pack_index(f.data, f.size, &length)
        : make_packed_index(&f, &length);

    if (!index_decode(&index, bytes, length, 0, &error)) {
        fuzz_check(error != NULL && index.frames == NULL);
        free(bytes);
        return 0;
    }
    free(bytes);

    fuzz_check(index_encode(&index, &first, &nfirst));
    fuzz_check(index_decode(&again, first, nfirst, 0, &error));
    fuzz_check(index_encode(&again, &second, &nsecond));
    fuzz_check(nfirst == nsecond && memcmp(first, second, nfirst) == 0);
    free(first);
    free(second);
    index_finish(&again);

    use(&index, &options);
    index_finish(&index);
    return 0;
}

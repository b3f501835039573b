#include "shutter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is seen of one row of the image: a byte a column. */
struct row {
    uint8_t   *seen;
    uint32_t   columns;
    int32_t    number;          /* from 1 */
    double    *crossings;       /* of a polygon's edges, room for all */
    uint8_t   *inside;          /* of the polygon, a byte a column */
};

/* Columns from 1, both ends in; what lies outside of the image is left out. */
static void
fill(uint8_t *line, uint32_t columns, double from, double to, uint8_t value)
{
    from = from < 1 ? 1 : ceil(from);
    to = to > columns ? columns : floor(to);
    if (from <= to) {
        memset(line + (size_t) from - 1, value, (size_t) (to - from) + 1);
    }
}

static void
keep(struct row *row, double from, double to)
{
    fill(row->seen, row->columns, 1, ceil(from) - 1, 0);
    fill(row->seen, row->columns, floor(to) + 1, row->columns, 0);
}

static void
row_rectangle(struct row *row, const struct dicom_shutter *shutter)
{
    if (row->number < shutter->upper || row->number > shutter->lower) {
        memset(row->seen, 0, row->columns);
        return;
    }
    keep(row, shutter->left, shutter->right);
}

/* The radius is in columns: where pixels are not square, rows are not. */
static void
row_circle(struct row *row, const struct dicom_shutter *shutter,
    double aspect)
{
    double radius = shutter->radius;
    double y = (row->number - shutter->center_row) * aspect;

    if (fabs(y) > radius) {
        memset(row->seen, 0, row->columns);
        return;
    }
    double half = sqrt(radius * radius - y * y);
    keep(row, shutter->center_column - half, shutter->center_column + half);
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}

/*
 * Even-odd between the edges that cross the row; then the edges themselves,
 * which are seen on all sides.
 */
static void
row_polygon(struct row *row, const struct dicom_shutter *shutter)
{
    uint32_t n = 0;
    int32_t y = row->number;

    memset(row->inside, 0, row->columns);
    for (uint32_t i = 0; i < shutter->npoints; i++) {
        const int32_t *a = shutter->points[i];
        const int32_t *b = shutter->points[(i + 1) % shutter->npoints];
        int32_t top = a[0] < b[0] ? a[0] : b[0];
        int32_t bottom = a[0] < b[0] ? b[0] : a[0];

        if (y < top || y > bottom) {
            continue;
        }
        if (top == bottom) {
            fill(row->inside, row->columns, a[1] < b[1] ? a[1] : b[1],
                a[1] < b[1] ? b[1] : a[1], 1);
            continue;
        }
        double x = a[1] + (double) (b[1] - a[1]) * (y - a[0]) / (b[0] - a[0]);
        if (y < bottom) {
            row->crossings[n++] = x;
        }
        fill(row->inside, row->columns, x, x, 1);
    }

    qsort(row->crossings, n, sizeof(row->crossings[0]), compare);
    for (uint32_t i = 0; i + 1 < n; i += 2) {
        fill(row->inside, row->columns, row->crossings[i],
            row->crossings[i + 1], 1);
    }
    for (uint32_t i = 0; i < row->columns; i++) {
        row->seen[i] &= row->inside[i];
    }
}

static void
row_bitmap(struct row *row, const struct dicom_overlay *bitmap)
{
    int64_t line = (int64_t) row->number - bitmap->origin_row;

    if (bitmap->bits == NULL || line < 0 || line >= bitmap->rows) {
        return;
    }
    for (uint32_t i = 0; i < bitmap->columns; i++) {
        size_t bit = (size_t) line * bitmap->columns + i;
        int64_t column = (int64_t) i + bitmap->origin_column - 1;

        if (column >= 0 && column < row->columns && bit / 8 < bitmap->length
            && (bitmap->bits[bit / 8] >> (bit % 8) & 1) != 0)
        {
            row->seen[column] = 0;
        }
    }
}

/* A bit a pixel, rows one after the other from whole bytes; NULL: no memory. */
static uint8_t *
shutter_mask(const struct dicom_shutter *shutter,
    const struct dicom_overlay *bitmap, uint32_t columns, uint32_t rows,
    double aspect)
{
    size_t stride = ((size_t) columns + 7) / 8;
    uint8_t *mask = calloc(rows, stride);
    struct row row = {
        .seen = malloc(8 * stride),
        .inside = malloc(columns),
        .columns = columns,
        .crossings = malloc((shutter->npoints + 1) * sizeof(double)),
    };

    if (mask == NULL || row.seen == NULL || row.inside == NULL
        || row.crossings == NULL)
    {
        free(mask);
        mask = NULL;
        goto done;
    }
    for (uint32_t y = 0; y < rows; y++) {
        row.number = (int32_t) y + 1;
        memset(row.seen, 1, 8 * stride);
        if (shutter->shapes & SHUTTER_RECTANGLE) {
            row_rectangle(&row, shutter);
        }
        if (shutter->shapes & SHUTTER_CIRCLE) {
            row_circle(&row, shutter, aspect);
        }
        if (shutter->shapes & SHUTTER_POLYGON) {
            row_polygon(&row, shutter);
        }
        if ((shutter->shapes & SHUTTER_BITMAP) && bitmap != NULL) {
            row_bitmap(&row, bitmap);
        }
        for (size_t i = 0; i < stride; i++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                mask[y * stride + i] |= (uint8_t) (row.seen[8 * i + bit]
                    << bit);
            }
        }
    }

done:
    free(row.crossings);
    free(row.inside);
    free(row.seen);
    return mask;
}

bool
shutter_burn(const struct dicom_shutter *shutter,
    const struct dicom_overlay *bitmap, uint32_t columns, uint32_t rows,
    double aspect, const double m[6], uint32_t width, uint32_t height,
    unsigned samples, uint8_t *pixels)
{
    size_t stride = ((size_t) columns + 7) / 8;
    int gray = (int) (shutter->value * 255.0 / 65535 + 0.5);
    uint8_t *mask = shutter_mask(shutter, bitmap, columns, rows, aspect);

    if (mask == NULL) {
        return false;
    }
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++, pixels += samples) {
            double u = m[0] * (x + 0.5) + m[1] * (y + 0.5) + m[2];
            double v = m[3] * (x + 0.5) + m[4] * (y + 0.5) + m[5];

            if (u >= 0 && v >= 0 && u < columns && v < rows
                && (mask[(size_t) v * stride + (size_t) u / 8]
                    >> ((size_t) u % 8) & 1) == 0)
            {
                memset(pixels, gray, samples);
            }
        }
    }
    free(mask);
    return true;
}

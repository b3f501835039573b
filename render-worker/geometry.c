#include <math.h>
#include <string.h>

#include "geometry.h"
#include "wire.h"

/* Direction cosines below this name no letter: about three degrees */
#define LETTER_MIN  0.05


static double
dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}


/* Clockwise, exact at quarter turns. */
static void
turn(double degrees, double *c, double *s)
{
    double  a, quarter;

    a = fmod(degrees, 360);
    a = a < 0 ? a + 360 : a;
    quarter = a / 90;

    if (quarter == floor(quarter)) {
        static const double  cosines[] = { 1, 0, -1, 0, 1 };
        static const double  sines[] = { 0, 1, 0, -1, 0 };

        *c = cosines[(int) quarter];
        *s = sines[(int) quarter];
        return;
    }

    *c = cos(a * M_PI / 180);
    *s = sin(a * M_PI / 180);
}


bool
geometry_view(const struct view *view, uint32_t columns, uint32_t rows,
    double aspect, double matrix[6])
{
    double  c, s, scale, fit, high, wide, tall, x, y, mirror_x, mirror_y;

    if (!(aspect > 0) || !isfinite(aspect) || !isfinite(view->zoom)
        || !(view->zoom > 0) || !isfinite(view->rotate)
        || !isfinite(view->pan_x) || !isfinite(view->pan_y)
        || columns == 0 || rows == 0 || view->width == 0 || view->height == 0)
    {
        return false;
    }

    turn(view->rotate, &c, &s);

    /* the box around the turned image fits the viewport at zoom 1 */

    high = rows * aspect;
    wide = columns * fabs(c) + high * fabs(s);
    tall = columns * fabs(s) + high * fabs(c);
    fit = fmin(view->width / wide, view->height / tall);
    scale = fit * view->zoom;

    mirror_x = view->flip & WIRE_FLIP_H ? -1 : 1;
    mirror_y = view->flip & WIRE_FLIP_V ? -1 : 1;

    matrix[0] = mirror_x * c / scale;
    matrix[1] = mirror_x * s / scale;
    matrix[3] = mirror_y * -s / scale / aspect;
    matrix[4] = mirror_y * c / scale / aspect;

    x = view->width / 2.0 + view->pan_x;
    y = view->height / 2.0 + view->pan_y;

    matrix[2] = columns / 2.0 - matrix[0] * x - matrix[1] * y;
    matrix[5] = rows / 2.0 - matrix[3] * x - matrix[4] * y;

    for (int i = 0; i < 6; i++) {
        if (!isfinite(matrix[i])) {
            return false;
        }
    }

    return true;
}


bool
geometry_area(struct view *view, uint32_t columns, uint32_t rows,
    double aspect, double scale, const double area[4])
{
    double  c, s, wide, tall, high, fit, x, y;

    if (!(aspect > 0) || !isfinite(view->rotate) || columns == 0 || rows == 0
        || !(area[2] > area[0]) || !(area[3] > area[1]))
    {
        return false;
    }

    turn(view->rotate, &c, &s);

    wide = area[2] - area[0];
    tall = (area[3] - area[1]) * aspect;

    if (!(scale > 0)) {
        scale = fmin(view->width / (wide * fabs(c) + tall * fabs(s)),
                     view->height / (wide * fabs(s) + tall * fabs(c)));
    }

    high = rows * aspect;
    fit = fmin(view->width / (columns * fabs(c) + high * fabs(s)),
               view->height / (columns * fabs(s) + high * fabs(c)));

    /* from the middle of the image to that of the area, on the screen */

    x = ((area[0] + area[2]) / 2 - columns / 2.0) * scale;
    y = ((area[1] + area[3]) / 2 - rows / 2.0) * aspect * scale;
    x = view->flip & WIRE_FLIP_H ? -x : x;
    y = view->flip & WIRE_FLIP_V ? -y : y;

    view->zoom = scale / fit;
    view->pan_x = s * y - c * x + 0;
    view->pan_y = -s * x - c * y + 0;

    return isfinite(view->zoom) && view->zoom > 0 && isfinite(view->pan_x)
           && isfinite(view->pan_y);
}


/* Letters of a direction in the patient, the strongest first. */
static void
name_direction(const double direction[3], char letters[4])
{
    int     n, best;
    bool    used[3] = { false, false, false };
    double  length;

    static const char  positive[] = "LPH", negative[] = "RAF";

    letters[0] = '\0';
    length = sqrt(dot(direction, direction));

    if (!(length > 0)) {
        return;
    }

    for (n = 0; n < 3; n++) {
        best = -1;

        for (int i = 0; i < 3; i++) {
            if (!used[i] && fabs(direction[i]) / length >= LETTER_MIN
                && (best == -1 || fabs(direction[i]) > fabs(direction[best])
                                                       + 1e-9))
            {
                best = i;
            }
        }

        if (best == -1) {
            break;
        }

        used[best] = true;
        letters[n] = direction[best] > 0 ? positive[best] : negative[best];
    }

    letters[n] = '\0';
}


bool
geometry_axes(const struct dicom_index *index, uint32_t frame, double row[3],
    double column[3])
{
    double         r, c;
    const double  *o;

    if (index->frames == NULL || frame >= index->nframes
        || !index->frames[frame].has_position)
    {
        return false;
    }

    o = index->frames[frame].orientation;

    for (int i = 0; i < 3; i++) {
        row[i] = o[i];
        column[i] = o[3 + i];
    }

    r = sqrt(dot(row, row));
    c = sqrt(dot(column, column));

    /* also false for what is not a number */
    if (!(fabs(r - 1) < 0.01) || !(fabs(c - 1) < 0.01)
        || !(fabs(dot(row, column)) < 0.02))
    {
        return false;
    }

    for (int i = 0; i < 3; i++) {
        row[i] /= r;
        column[i] /= c;
    }

    return true;
}


void
geometry_normal(const double row[3], const double column[3], double normal[3])
{
    normal[0] = row[1] * column[2] - row[2] * column[1];
    normal[1] = row[2] * column[0] - row[0] * column[2];
    normal[2] = row[0] * column[1] - row[1] * column[0];
}


/*
 * Patient Orientation of one axis: one to three of R L A P H F, none twice nor
 * with its opposite.  direction is set when there is just one letter.
 */
static bool
parse_letters(const char *text, char letters[4], double direction[3])
{
    int          n, axis;
    bool         seen[3] = { false, false, false };
    const char  *p;

    static const char  all[] = "LRPAHF";

    memset(direction, 0, 3 * sizeof(double));

    for (n = 0; text[n] != '\0' && text[n] != ' '; n++) {
        p = strchr(all, text[n]);

        if (p == NULL || n == 3) {
            return false;
        }

        axis = (p - all) / 2;

        if (seen[axis]) {
            return false;
        }

        seen[axis] = true;
        letters[n] = text[n];
        direction[axis] = (p - all) % 2 ? -1 : 1;
    }

    letters[n] = '\0';

    return n > 0 && text[n + strspn(text + n, " ")] == '\0';
}


/* Whether two names begin with the same axis of the patient. */
static bool
same_axis(const char a[4], const char b[4])
{
    static const char  axes[] = "LRPAHF";

    return (strchr(axes, a[0]) - axes) / 2 == (strchr(axes, b[0]) - axes) / 2;
}


static void
opposite(const char from[4], char to[4])
{
    int  i;

    for (i = 0; from[i] != '\0'; i++) {
        switch (from[i]) {
        case 'L': to[i] = 'R'; break;
        case 'R': to[i] = 'L'; break;
        case 'P': to[i] = 'A'; break;
        case 'A': to[i] = 'P'; break;
        case 'H': to[i] = 'F'; break;
        default: to[i] = 'H'; break;
        }
    }

    to[i] = '\0';
}


/*
 * Image direction (along rows, along columns) that points to each edge of the
 * picture: top, right, bottom, left.
 */
static void
edge_directions(const struct view *view, double edges[4][2])
{
    double  c, s, mirror_x, mirror_y;

    static const int  pointing[4][2] = {
        { 0, -1 }, { 1, 0 }, { 0, 1 }, { -1, 0 }
    };

    turn(view->rotate, &c, &s);
    mirror_x = view->flip & WIRE_FLIP_H ? -1 : 1;
    mirror_y = view->flip & WIRE_FLIP_V ? -1 : 1;

    for (int i = 0; i < 4; i++) {
        int  x = pointing[i][0], y = pointing[i][1];

        edges[i][0] = mirror_x * (c * x + s * y);
        edges[i][1] = mirror_y * (-s * x + c * y);
    }
}


/*
 * From Patient Orientation, which has letters but no angles: right at quarter
 * turns, and between them where each axis is named by a single letter.
 */
static void
letters_from_text(const struct dicom_index *index, double edges[4][2],
    char letters[4][4])
{
    bool    known[2];
    char    axis[2][4];
    double  direction[2][3], sum[3];

    for (int i = 0; i < 2; i++) {
        known[i] = parse_letters(index->patient_orientation[i], axis[i],
                                 direction[i]);
    }

    if (known[0] && known[1] && same_axis(axis[0], axis[1])) {
        return;         /* rows and columns cannot both lie along it */
    }

    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 2; j++) {
            if (known[j] && edges[i][j] == 1) {
                strcpy(letters[i], axis[j]);
            } else if (known[j] && edges[i][j] == -1) {
                opposite(axis[j], letters[i]);
            }
        }

        if (fabs(edges[i][0]) < 1 && fabs(edges[i][1]) < 1 && known[0]
            && known[1] && strlen(axis[0]) == 1 && strlen(axis[1]) == 1
            && dot(direction[0], direction[1]) == 0)
        {
            for (int k = 0; k < 3; k++) {
                sum[k] = edges[i][0] * direction[0][k]
                         + edges[i][1] * direction[1][k];
            }

            name_direction(sum, letters[i]);
        }
    }
}


void
geometry_letters(const struct dicom_index *index, uint32_t frame,
    const struct view *view, char letters[4][4])
{
    double  edges[4][2], row[3], column[3], sum[3];

    memset(letters, 0, 4 * sizeof(letters[0]));

    if (!isfinite(view->rotate)) {
        return;
    }

    edge_directions(view, edges);

    if (!geometry_axes(index, frame, row, column)) {
        letters_from_text(index, edges, letters);
        return;
    }

    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 3; k++) {
            sum[k] = edges[i][0] * row[k] + edges[i][1] * column[k];
        }

        name_direction(sum, letters[i]);
    }
}

/*
 * What the values of an image mean beside its rescale: units, standardised
 * uptake values, real-world values, and the regions of an ultrasound image.
 */

#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "attribute.h"
#include "header.h"

#define PHARMACEUTICAL  DICOM_TAG(0x0054, 0x0016)

/* Seconds since 1970 of a date and a time, for differences only. */
static bool
read_moment(const char *date, const char *time, double *seconds)
{
    int  year, month, day, hours, minutes, used = 0;

    if (sscanf(date, "%4d%2d%2d", &year, &month, &day) != 3
        || sscanf(time, "%2d%2d%n", &hours, &minutes, &used) != 2
        || month < 1 || month > 12)
    {
        return false;
    }

    /* days from the first of March, so that a leap day comes last */
    year -= month <= 2;
    month = (month + 9) % 12;
    *seconds = (365.0 * year + year / 4 - year / 100 + year / 400
        + (month * 306 + 5) / 10 + day) * 86400.0
        + hours * 3600.0 + minutes * 60.0 + header_seconds(time + used);
    return true;
}


static bool
moment_of(const struct dicom_set *set, uint32_t date, uint32_t time,
    double *seconds)
{
    char  d[16], t[32];

    return attribute_code(set, date, 0, d, sizeof(d))
        && attribute_code(set, time, 0, t, sizeof(t))
        && read_moment(d, t, seconds);
}


/* A DT; what it says of the time zone does not matter within one file. */
static bool
moment_of_datetime(const struct dicom_set *set, uint32_t tag, double *seconds)
{
    char  text[32];

    return attribute_code(set, tag, 0, text, sizeof(text))
        && strlen(text) >= 12 && read_moment(text, text + 8, seconds);
}


/* The private element of a creator (PS3.5 7.8.1), or 0. */
static uint32_t
private_tag(const struct dicom_set *set, uint16_t group, const char *creator,
    uint8_t element)
{
    char  text[65];

    for (unsigned block = 0x10; block <= 0xff; block++) {
        if (attribute_code(set, DICOM_TAG(group, block), 0, text,
                sizeof(text))
            && strcmp(text, creator) == 0)
        {
            return DICOM_TAG(group, block << 8 | element);
        }
    }
    return 0;
}


static bool
private_decimal(const struct dicom_set *set, uint16_t group,
    const char *creator, uint8_t element, double *value)
{
    uint32_t  tag = private_tag(set, group, creator, element);

    return tag != 0 && attribute_decimal(set, tag, 0, value) && *value > 0;
}


/*
 * The moment that the activities are corrected to.  A series made later has
 * another time than its acquisition; then it follows from the moment that a
 * frame's average count rate belongs to.
 */
static bool
scan_moment(const struct dicom_set *root, double half_life, double *scan)
{
    double    acquired, reference, duration, decay;
    uint32_t  tag;

    if (!moment_of(root, DICOM_TAG(0x0008, 0x0022), DICOM_TAG(0x0008, 0x0032),
        &acquired))
    {
        return false;
    }
    if (moment_of(root, DICOM_TAG(0x0008, 0x0021), DICOM_TAG(0x0008, 0x0031),
        scan) && *scan <= acquired)
    {
        return true;
    }
    tag = private_tag(root, 0x0009, "GEMS_PETD_01", 0x0d);
    if (tag != 0 && moment_of_datetime(root, tag, scan)) {
        return true;
    }
    if (!attribute_decimal(root, DICOM_TAG(0x0054, 0x1300), 0, &reference)
        || !attribute_decimal(root, DICOM_TAG(0x0018, 0x1242), 0, &duration)
        || !(reference > 0) || !(duration > 0))
    {
        return false;
    }
    decay = log(2) / half_life * duration / 1000;
    *scan = acquired - reference / 1000
        + log(decay / -expm1(-decay)) * half_life / log(2);
    return true;
}


/* When the tracer was given; only its time of day may be known. */
static bool
injection_moment(const struct dicom_set *drug, double scan, double *start)
{
    char    time[32];
    double  days;

    if (moment_of_datetime(drug, DICOM_TAG(0x0018, 0x1078), start)) {
        return true;
    }
    if (!attribute_code(drug, DICOM_TAG(0x0018, 0x1072), 0, time,
        sizeof(time)) || !read_moment("00000301", time, start))
    {
        return false;
    }
    /* the last such time before the scan */
    days = floor((scan - *start) / 86400);
    *start += days * 86400;
    return true;
}


/* Body weight over the activity left: 1/(Bq/ml) as g/ml; 0: not derivable. */
static double
uptake_factor(struct header *h, bool to_injection)
{
    const struct dicom_set  *drug = dicom_item(h->file, h->root,
                                        PHARMACEUTICAL, 0);
    double                   weight, dose, half_life, scan, start, left = 1;

    if (drug == NULL
        || !attribute_decimal(h->root, DICOM_TAG(0x0010, 0x1030), 0, &weight)
        || !attribute_decimal(drug, DICOM_TAG(0x0018, 0x1074), 0, &dose)
        || !attribute_decimal(drug, DICOM_TAG(0x0018, 0x1075), 0, &half_life)
        || !(weight > 0) || !(dose > 0) || !(half_life > 0))
    {
        return 0;
    }
    if (!to_injection) {
        if (!scan_moment(h->root, half_life, &scan)
            || !injection_moment(drug, scan, &start) || start > scan)
        {
            return 0;
        }
        left = exp2(-(scan - start) / half_life);
        if (left < 1e-6) {
            return 0;       /* nothing would be left to be seen */
        }
    }
    return weight * 1000 / (dose * left);
}


static bool
is_corrected(const struct dicom_set *root)
{
    char  text[17];
    bool  attenuation = false, decay = false;

    for (unsigned n = 0; n < 16; n++) {
        attribute_code(root, DICOM_TAG(0x0028, 0x0051), n, text, sizeof(text));
        attenuation = attenuation || strcmp(text, "ATTN") == 0;
        decay = decay || strcmp(text, "DECAY") == 0;
    }
    return attenuation && decay;
}


/*
 * SUV by body weight after QIBA's vendor-neutral pseudo-code (SUVbw): never a
 * guess, 0 where an attribute is missing or contradicts.
 */
static double
read_uptake(struct header *h)
{
    const struct dicom_set  *root = h->root;
    const char              *units = h->index->units;
    static const char        philips[] = "Philips PET Private Group";
    char                     text[17];
    double                   factor;
    bool                     to_injection;

    if (strcmp(units, "GML") == 0) {
        /* PS3.3 C.8.9.1: body weight, where nothing else is said */
        return !attribute_code(root, DICOM_TAG(0x0054, 0x1006), 0, text,
            sizeof(text)) || strcmp(text, "BW") == 0 ? 1 : 0;
    }
    attribute_code(root, DICOM_TAG(0x0054, 0x1102), 0, text, sizeof(text));
    to_injection = strcmp(text, "ADMIN") == 0;
    if (!is_corrected(root)
        || (!to_injection && strcmp(text, "START") != 0))
    {
        return 0;
    }
    if (strcmp(units, "BQML") == 0) {
        return uptake_factor(h, to_injection);
    }
    if (strcmp(units, "CNTS") == 0) {
        if (private_decimal(root, 0x7053, philips, 0x00, &factor)) {
            return factor;
        }
        if (private_decimal(root, 0x7053, philips, 0x09, &factor)) {
            return factor * uptake_factor(h, to_injection);
        }
    }
    return 0;
}


static bool
mapped_value(const struct header *h, const struct dicom_set *set,
    uint32_t number, uint32_t real, double *value)
{
    uint16_t  u;

    if (attribute_double(set, real, 0, value)) {
        return true;
    }
    if (!attribute_u16(set, number, 0, &u)) {
        return false;
    }
    *value = h->index->is_signed ? (int16_t) u : u;
    return true;
}


void
header_mapping(struct header *h, const struct dicom_set *group,
    struct dicom_frame *f)
{
    struct dicom_index      *x = h->index;
    struct dicom_mapping     m;
    const struct dicom_set  *set, *unit;

    memset(&m, 0, sizeof(m));
    set = header_macro(h, group, DICOM_TAG(0x0040, 0x9096));
    if (set == NULL
        || !attribute_double(set, DICOM_TAG(0x0040, 0x9225), 0, &m.slope)
        || !attribute_double(set, DICOM_TAG(0x0040, 0x9224), 0, &m.intercept)
        || !mapped_value(h, set, DICOM_TAG(0x0040, 0x9216),
            DICOM_TAG(0x0040, 0x9214), &m.first)
        || !mapped_value(h, set, DICOM_TAG(0x0040, 0x9211),
            DICOM_TAG(0x0040, 0x9213), &m.last))
    {
        return;
    }
    unit = header_macro(h, set, DICOM_TAG(0x0040, 0x08ea));
    if (unit != NULL) {
        attribute_code(unit, DICOM_TAG(0x0008, 0x0100), 0, m.unit,
            sizeof(m.unit));
    }

    f->mapping = 0;
    for (uint32_t i = 0; i < x->nmappings; i++) {
        if (memcmp(&x->mappings[i], &m, sizeof(m)) == 0) {
            f->mapping = (uint8_t) (i + 1);
            return;
        }
    }
    if (x->nmappings < INDEX_MAX_MAPPINGS) {
        x->mappings[x->nmappings++] = m;
        f->mapping = (uint8_t) x->nmappings;
    }
}


static bool
region_corner(const struct dicom_set *set, uint32_t tag, uint32_t most,
    uint32_t *value)
{
    const uint8_t  *data;
    size_t          length;

    if (!dicom_value(set, tag, &data, &length) || length < sizeof(*value)) {
        return false;
    }
    memcpy(value, data, sizeof(*value));
    return *value <= most;
}


/* One that is measured in centimetres both ways. */
static bool
read_region(const struct header *h, const struct dicom_set *set,
    struct dicom_region *region)
{
    const struct dicom_index  *x = h->index;
    uint16_t                   unit_x, unit_y;
    double                     delta_x, delta_y;

    if (!region_corner(set, DICOM_TAG(0x0018, 0x6018), x->columns,
            &region->left)
        || !region_corner(set, DICOM_TAG(0x0018, 0x601a), x->rows,
            &region->top)
        || !region_corner(set, DICOM_TAG(0x0018, 0x601c), x->columns,
            &region->right)
        || !region_corner(set, DICOM_TAG(0x0018, 0x601e), x->rows,
            &region->bottom)
        || region->left > region->right || region->top > region->bottom
        || !attribute_u16(set, DICOM_TAG(0x0018, 0x6024), 0, &unit_x)
        || !attribute_u16(set, DICOM_TAG(0x0018, 0x6026), 0, &unit_y)
        || unit_x != 3 || unit_y != 3
        || !attribute_double(set, DICOM_TAG(0x0018, 0x602c), 0, &delta_x)
        || !attribute_double(set, DICOM_TAG(0x0018, 0x602e), 0, &delta_y)
        || delta_x == 0 || delta_y == 0)
    {
        return false;
    }
    region->spacing[0] = fabs(delta_y) * 10;
    region->spacing[1] = fabs(delta_x) * 10;
    return isfinite(region->spacing[0]) && isfinite(region->spacing[1]);
}


static bool
read_regions(struct header *h)
{
    const uint32_t       sequence = DICOM_TAG(0x0018, 0x6011);
    struct dicom_index  *x = h->index;
    uint32_t             count = dicom_items(h->file, h->root, sequence);

    count = count < INDEX_MAX_REGIONS ? count : INDEX_MAX_REGIONS;
    if (count == 0) {
        return true;
    }
    x->regions = calloc(count, sizeof(x->regions[0]));
    if (x->regions == NULL) {
        return header_fail(h, DECODER_MEMORY, "out of memory");
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct dicom_set  *set = dicom_item(h->file, h->root, sequence,
                                           i);

        if (set != NULL && read_region(h, set, &x->regions[x->nregions])) {
            x->nregions++;
        }
    }
    return true;
}


bool
header_values(struct header *h)
{
    struct dicom_index  *x = h->index;

    if (x->nframes == 0) {
        return true;
    }
    if (attribute_code(h->root, DICOM_TAG(0x0054, 0x1001), 0, x->units,
        sizeof(x->units)))
    {
        x->suv = read_uptake(h);
        x->suv = isfinite(x->suv) ? x->suv : 0;
    }
    return read_regions(h);
}

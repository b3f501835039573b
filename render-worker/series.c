#include "series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "geometry.h"

/* mm: positions closer than this are one position */
#define SAME_POSITION   1e-3

/* Cosine of the angle, one degree, within which slices are parallel. */
#define SAME_DIRECTION  0.99985

/* Spacings that differ by less are equal. */
#define SAME_SPACING    0.01

/* A spacing so many times the usual one lacks a slice. */
#define GAP             1.5

/* A layer while it is sorted. */
struct key {
    struct layer_ref  ref;
    uint32_t          rank;         /* by instance number, among all */
    uint32_t          group;
    uint32_t          position;     /* number of the distinct position */
    double            distance;     /* mm along the normal */
    double            value;        /* of what the layers are told apart by */
};

/* Layers that belong together before their positions are looked at. */
struct group {
    enum series_kind  kind;
    uint32_t          first, count; /* first: rank */
    uint32_t          moved;        /* to this group */
    double            row[3], column[3], normal[3];
};

struct splitting {
    const struct dicom_index *const  *instances;
    struct key                       *keys;
    struct group                     *groups;
    uint32_t                          ngroups;
    struct series                    *series;
};

static const struct dicom_index *
key_index(const struct splitting *s, const struct key *key)
{
    return s->instances[key->ref.instance];
}

static const struct dicom_frame *
key_frame(const struct splitting *s, const struct key *key)
{
    return &key_index(s, key)->frames[key->ref.frame];
}

/* What is not known comes before all that is. */
static double
key_value(const struct splitting *s, const struct key *key, unsigned dimension)
{
    const struct dicom_frame *frame = key_frame(s, key);

    return frame->known & 1u << dimension ? frame->dimensions[dimension]
        : -INFINITY;
}

static int
compare(double a, double b)
{
    return (a > b) - (a < b);
}

/* By instance number, UID and frame. */
static int
by_number(const void *a, const void *b, void *data)
{
    const struct splitting *s = data;
    const struct key *i = a, *j = b;
    const struct dicom_index *p = key_index(s, i), *q = key_index(s, j);
    int result = 0;

    if (i->ref.instance != j->ref.instance) {
        result = compare(p->instance_number, q->instance_number);
        if (result == 0) {
            result = strcmp(p->instance_uid, q->instance_uid);
        }
        if (result == 0) {
            result = compare(i->ref.instance, j->ref.instance);
        }
    }
    return result != 0 ? result : compare(i->ref.frame, j->ref.frame);
}

static int
by_group(const void *a, const void *b)
{
    const struct key *i = a, *j = b;
    int result = compare(i->group, j->group);

    return result != 0 ? result : compare(i->rank, j->rank);
}

static int
by_distance(const void *a, const void *b)
{
    const struct key *i = a, *j = b;
    int result = compare(i->distance, j->distance);

    return result != 0 ? result : compare(i->rank, j->rank);
}

static int
by_value(const void *a, const void *b)
{
    const struct key *i = a, *j = b;
    int result = compare(i->value, j->value);

    if (result == 0) {
        result = compare(i->position, j->position);
    }
    return result != 0 ? result : compare(i->rank, j->rank);
}

/* By position, and in time at each. */
static int
by_position(const void *a, const void *b, void *data)
{
    const struct key *i = a, *j = b;
    int result = compare(i->position, j->position);

    for (unsigned d = DIM_SEGMENT; d < DIM_COUNT && result == 0; d++) {
        result = compare(key_value(data, i, d), key_value(data, j, d));
    }
    return result != 0 ? result : compare(i->rank, j->rank);
}

static double
dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* The axes of a frame that lies somewhere. */
static bool
has_place(const struct dicom_index *index, uint32_t frame, double row[3],
    double column[3])
{
    if (!geometry_axes(index, frame, row, column)) {
        return false;
    }
    const double *p = index->frames[frame].position;
    return isfinite(p[0]) && isfinite(p[1]) && isfinite(p[2]);
}

/* Frames that have no places of their own, in time at best. */
static bool
is_clip(const struct dicom_index *index)
{
    const struct dicom_frame *first = index->frames;
    double row[3], column[3];

    for (uint32_t i = 0; i < index->nframes; i++) {
        if (!has_place(index, i, row, column)) {
            return index->nframes > 1;
        }
    }
    for (uint32_t i = 1; i < index->nframes; i++) {
        const struct dicom_frame *frame = &index->frames[i];

        for (unsigned k = 0; k < 3; k++) {
            if (fabs(frame->position[k] - first->position[k])
                > SAME_POSITION)
            {
                return false;
            }
        }
        for (unsigned k = 0; k < 6; k++) {
            if (fabs(frame->orientation[k] - first->orientation[k]) > 0.01) {
                return false;
            }
        }
    }
    return index->nframes > 1;
}

static bool
same_spacing(const struct dicom_frame *a, const struct dicom_frame *b)
{
    if (!a->has_spacing || !b->has_spacing) {
        return a->has_spacing == b->has_spacing;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (fabs(a->spacing[i] - b->spacing[i])
            > SAME_SPACING * fmax(a->spacing[i], b->spacing[i]))
        {
            return false;
        }
    }
    return true;
}

static bool
same_size(const struct dicom_index *a, const struct dicom_index *b)
{
    return a->rows == b->rows && a->columns == b->columns
        && a->samples == b->samples;
}

/* Whether a slice with these axes is parallel to those of group. */
static bool
belongs(const struct splitting *s, const struct group *group,
    const struct key *key, const double row[3], const double column[3])
{
    const struct key *first = &s->keys[group->first];
    const struct dicom_index *a = key_index(s, first);
    const struct dicom_index *b = key_index(s, key);

    return group->kind == SERIES_VOLUME
        && dot(group->row, row) > SAME_DIRECTION
        && dot(group->column, column) > SAME_DIRECTION
        && same_size(a, b)
        && strcmp(a->frame_of_reference, b->frame_of_reference) == 0
        && same_spacing(key_frame(s, first), key_frame(s, key));
}

/*
 * A new group that begins with key.  When there are too many, what is left
 * goes together.
 */
static uint32_t
new_group(struct splitting *s, const struct key *key, enum series_kind kind)
{
    if (s->ngroups == SERIES_MAX_PARTS) {
        s->groups[s->ngroups - 1].kind = SERIES_IMAGES;
        return s->ngroups - 1;
    }
    s->groups[s->ngroups] = (struct group) {
        .kind = kind, .first = key->rank, .moved = s->ngroups
    };
    return s->ngroups++;
}

/* The group of this kind, of which there is one. */
static uint32_t
only_group(struct splitting *s, const struct key *key, enum series_kind kind)
{
    for (uint32_t i = 0; i < s->ngroups; i++) {
        if (s->groups[i].kind == kind) {
            return i;
        }
    }
    return new_group(s, key, kind);
}

static uint32_t
volume_group(struct splitting *s, const struct key *key, const double row[3],
    const double column[3], uint32_t last)
{
    if (last < s->ngroups && belongs(s, &s->groups[last], key, row, column)) {
        return last;
    }
    for (uint32_t i = 0; i < s->ngroups; i++) {
        if (belongs(s, &s->groups[i], key, row, column)) {
            return i;
        }
    }

    uint32_t n = new_group(s, key, SERIES_VOLUME);
    struct group *group = &s->groups[n];
    if (group->first == key->rank) {
        memcpy(group->row, row, sizeof(group->row));
        memcpy(group->column, column, sizeof(group->column));
        geometry_normal(row, column, group->normal);
    }
    return n;
}

/* Gives each key its group; they are sorted by rank. */
static void
find_groups(struct splitting *s, uint32_t n)
{
    uint32_t last = 0, instance = UINT32_MAX;
    bool clip = false;

    for (uint32_t i = 0; i < n; i++) {
        struct key *key = &s->keys[i];
        const struct dicom_index *index = key_index(s, key);
        double row[3], column[3];

        if (key->ref.instance != instance) {
            instance = key->ref.instance;
            clip = is_clip(index);
            last = clip && !index->localizer
                ? new_group(s, key, SERIES_CLIP) : last;
        }
        if (index->localizer) {
            key->group = only_group(s, key, SERIES_LOCALIZER);
        } else if (clip) {
            key->group = last;
        } else if (!has_place(index, key->ref.frame, row, column)) {
            key->group = only_group(s, key, SERIES_IMAGES);
        } else {
            last = volume_group(s, key, row, column, last);
            key->group = last;
        }
        s->groups[key->group].count++;
    }
}

/* Slices that are alone in their direction go together, by size. */
static void
join_singles(struct splitting *s)
{
    for (uint32_t i = 0; i < s->ngroups; i++) {
        struct group *group = &s->groups[i];

        if (group->kind != SERIES_VOLUME || group->count != 1) {
            continue;
        }
        for (uint32_t k = i + 1; k < s->ngroups; k++) {
            struct group *other = &s->groups[k];

            if (other->kind == SERIES_VOLUME && other->count == 1
                && other->moved == k
                && same_size(key_index(s, &s->keys[group->first]),
                    key_index(s, &s->keys[other->first])))
            {
                other->moved = i;
                other->count = 0;
                group->kind = SERIES_IMAGES;
            }
        }
    }
}

/* mm that two neighbours of a volume are thick, the thicker one; 0: unknown. */
static double
thickness(const struct splitting *s, const struct key *a, const struct key *b)
{
    return fmax(key_index(s, a)->slice_thickness,
        key_index(s, b)->slice_thickness);
}

static int
compare_doubles(const void *a, const void *b)
{
    return compare(*(const double *) a, *(const double *) b);
}

/* Spacing and gaps of n layers sorted by position. */
static bool
measure_spacing(const struct splitting *s, const struct key *keys, uint32_t n,
    struct series_part *part)
{
    double *steps = malloc(n * sizeof(*steps));
    uint32_t count = 0;

    if (steps == NULL) {
        return false;
    }
    for (uint32_t i = 1; i < n; i++) {
        if (keys[i].position != keys[i - 1].position) {
            steps[count++] = keys[i].distance - keys[i - 1].distance;
        }
    }
    part->duplicates = n - 1 - count;
    if (count == 0) {
        free(steps);
        return true;
    }

    qsort(steps, count, sizeof(*steps), compare_doubles);
    part->spacing = steps[count / 2];
    part->uneven = steps[count - 1] - steps[0] > SAME_SPACING * part->spacing;
    free(steps);

    for (uint32_t i = 1; i < n && part->ngaps < SERIES_MAX_GAPS; i++) {
        double step = keys[i].distance - keys[i - 1].distance;
        double thick = thickness(s, &keys[i - 1], &keys[i]);

        /* thick slices lie apart without a gap */
        if (step > GAP * part->spacing && step > GAP * thick) {
            part->gaps[part->ngaps++] = (struct series_gap) {
                .layer = i - 1,
                .missing = (uint32_t) fmin(1e6,
                    fmax(1, round(step / part->spacing) - 1)),
                .distance = step,
            };
        }
    }
    return true;
}

/* Degrees that the way from the first to the last slice leaves the normal. */
static double
measure_tilt(const struct splitting *s, const struct key *first,
    const struct key *last)
{
    const double *normal = s->groups[first->group].normal;
    const double *p = key_frame(s, first)->position;
    const double *q = key_frame(s, last)->position;
    double way[3];

    if (first->position == last->position) {
        return NAN;
    }
    for (unsigned k = 0; k < 3; k++) {
        way[k] = q[k] - p[k];
    }
    double along = dot(way, normal);
    for (unsigned k = 0; k < 3; k++) {
        way[k] -= along * normal[k];
    }
    return atan2(sqrt(dot(way, way)), fabs(along)) * 180 / M_PI;
}

/* Makes a part of n sorted keys. */
static bool
emit(struct splitting *s, const struct key *keys, uint32_t n,
    enum series_kind kind, unsigned split, uint32_t set)
{
    struct series *series = s->series;
    struct series_part *part = &series->parts[series->nparts];

    for (uint32_t i = 0; i < n; i++) {
        series->layers[series->nlayers + i] = keys[i].ref;
    }
    if (series->nparts == SERIES_MAX_PARTS) {
        part--;
        *part = (struct series_part) { .first = part->first,
            .count = part->count + n, .kind = SERIES_IMAGES, .tilt = NAN };
    } else {
        *part = (struct series_part) { .first = series->nlayers, .count = n,
            .kind = kind, .split = (uint8_t) split, .set = set, .tilt = NAN };
        series->nparts++;
        if (kind == SERIES_VOLUME) {
            part->by_position = true;
            part->tilt = measure_tilt(s, &keys[0], &keys[n - 1]);
            if (!measure_spacing(s, keys, n, part)) {
                return false;
            }
        }
    }
    series->nlayers += n;
    return true;
}

/* Sorts n keys by position; how many there are, *most layers at one of them. */
static uint32_t
find_positions(struct splitting *s, struct key *keys, uint32_t n,
    uint32_t *most)
{
    uint32_t position = 0, here = 1;

    qsort(keys, n, sizeof(*keys), by_distance);
    *most = 1;
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0 && keys[i].distance - keys[i - 1].distance > SAME_POSITION) {
            position++;
            here = 0;
        }
        here += i > 0;
        *most = here > *most ? here : *most;
        keys[i].position = position;
    }
    qsort_r(keys, n, sizeof(*keys), by_position, s);
    return position + 1;
}

/* End of the run of equal values that begins at i. */
static uint32_t
run_end(const struct key *keys, uint32_t n, uint32_t i)
{
    double value = keys[i].value;

    while (i < n && keys[i].value == value) {
        i++;
    }
    return i;
}

/* Whether each value, sorted, has half the positions, or two images of one. */
static bool
covers(const struct key *keys, uint32_t n, uint32_t positions)
{
    for (uint32_t i = 0, end; i < n; i = end) {
        uint32_t count = 1;

        end = run_end(keys, n, i);
        for (uint32_t k = i + 1; k < end; k++) {
            count += positions == 1
                || keys[k].position != keys[k - 1].position;
        }
        if (positions == 1 ? count < 2 : count < (positions + 1) / 2) {
            return false;
        }
    }
    return true;
}

/* Equal types have equal numbers, which mean nothing: the first comes first. */
static void
sort_types(struct key *keys, uint32_t n)
{
    for (uint32_t i = 0, end; i < n; i = end) {
        uint32_t rank = UINT32_MAX;

        end = run_end(keys, n, i);
        for (uint32_t k = i; k < end; k++) {
            rank = keys[k].rank < rank ? keys[k].rank : rank;
        }
        for (uint32_t k = i; k < end; k++) {
            keys[k].value = rank;
        }
    }
    qsort(keys, n, sizeof(*keys), by_value);
}

/*
 * Whether the dimension tells the layers at one position apart, all along the
 * part; then they are sorted by it.
 */
static bool
tells_apart(struct splitting *s, struct key *keys, uint32_t n,
    uint32_t positions, unsigned dimension)
{
    bool varies = false;

    for (uint32_t i = 0; i < n; i++) {
        keys[i].value = key_value(s, &keys[i], dimension);
        varies = varies || (i > 0 && keys[i].position == keys[i - 1].position
            && keys[i].value != keys[i - 1].value);
    }
    if (!varies || (positions == 1 && dimension >= DIM_TEMPORAL)) {
        return false;
    }
    qsort(keys, n, sizeof(*keys), by_value);
    if (!covers(keys, n, positions)) {
        qsort_r(keys, n, sizeof(*keys), by_position, s);
        return false;
    }
    if (dimension == DIM_TYPE) {
        sort_types(keys, n);
    }
    return true;
}

/* A part for each position, through time. */
static bool
emit_positions(struct splitting *s, struct key *keys, uint32_t n,
    unsigned split)
{
    qsort_r(keys, n, sizeof(*keys), by_position, s);
    for (uint32_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && keys[end].position == keys[i].position; ) {
            end++;
        }
        if (!emit(s, &keys[i], end - i, SERIES_TIMES, split,
                keys[i].position + 1))
        {
            return false;
        }
    }
    return true;
}

/* The first of each position, the second, and so on; else all as they are. */
static bool
emit_sets(struct splitting *s, struct key *keys, uint32_t n,
    uint32_t positions, unsigned split)
{
    for (uint32_t i = 0; i < n; i++) {
        keys[i].value = i > 0 && keys[i].position == keys[i - 1].position
            ? keys[i - 1].value + 1 : 1;
    }
    qsort(keys, n, sizeof(*keys), by_value);
    if (!covers(keys, n, positions)) {
        qsort_r(keys, n, sizeof(*keys), by_position, s);
        return emit(s, keys, n, SERIES_VOLUME, split, 0);
    }
    for (uint32_t i = 0, end; i < n; i = end) {
        end = run_end(keys, n, i);
        if (!emit(s, &keys[i], end - i, SERIES_VOLUME, split,
                (uint32_t) keys[i].value))
        {
            return false;
        }
    }
    return true;
}

/* Parallel slices, which may lie on one another. */
static bool
separate(struct splitting *s, struct key *keys, uint32_t n, unsigned dimension,
    unsigned split)
{
    uint32_t most, positions = find_positions(s, keys, n, &most);

    if (positions == n) {
        return emit(s, keys, n, SERIES_VOLUME, split, 0);
    }
    for (; dimension < DIM_COUNT; dimension++) {
        if (!tells_apart(s, keys, n, positions, dimension)) {
            continue;
        }
        if (dimension >= DIM_TEMPORAL && most > positions) {
            break;
        }
        for (uint32_t i = 0, end; i < n; i = end) {
            end = run_end(keys, n, i);
            if (!separate(s, &keys[i], end - i, dimension + 1,
                    split | 1u << dimension))
            {
                return false;
            }
        }
        return true;
    }

    if (positions == 1) {
        return emit(s, keys, n, SERIES_TIMES, split, 0);
    }
    return most > positions ? emit_positions(s, keys, n, split)
        : emit_sets(s, keys, n, positions, split);
}

static bool
split_group(struct splitting *s, struct key *keys, uint32_t n)
{
    const struct group *group = &s->groups[keys[0].group];

    if (group->kind != SERIES_VOLUME) {
        return emit(s, keys, n, group->kind, 0, 0);
    }
    for (uint32_t i = 0; i < n; i++) {
        keys[i].distance = dot(key_frame(s, &keys[i])->position,
            group->normal);
    }
    return separate(s, keys, n, 0, 0);
}

static bool
split_all(struct splitting *s, uint32_t n)
{
    join_singles(s);
    for (uint32_t i = 0; i < n; i++) {
        s->keys[i].group = s->groups[s->keys[i].group].moved;
    }
    qsort(s->keys, n, sizeof(*s->keys), by_group);
    for (uint32_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && s->keys[end].group == s->keys[i].group; ) {
            end++;
        }
        if (!split_group(s, &s->keys[i], end - i)) {
            return false;
        }
    }
    return true;
}

static bool
keep_whole(struct splitting *s, uint32_t n)
{
    uint32_t most;

    if (s->ngroups > 1 || s->groups[0].kind != SERIES_VOLUME) {
        return emit(s, s->keys, n, s->ngroups == 1 ? s->groups[0].kind
            : SERIES_IMAGES, 0, 0);
    }
    for (uint32_t i = 0; i < n; i++) {
        s->keys[i].distance = dot(key_frame(s, &s->keys[i])->position,
            s->groups[0].normal);
    }
    find_positions(s, s->keys, n, &most);
    return emit(s, s->keys, n, SERIES_VOLUME, 0, 0);
}

/* The part of most layers, of equal ones the first, goes to the front. */
static void
main_first(struct series *series)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < series->nparts; i++) {
        if (series->parts[i].count > series->parts[best].count) {
            best = i;
        }
    }
    struct series_part part = series->parts[best];
    memmove(&series->parts[1], &series->parts[0], best * sizeof(part));
    series->parts[0] = part;
}

static bool
series_make(const struct dicom_index *const *instances, size_t count,
    struct series *series, bool (*make)(struct splitting *, uint32_t))
{
    struct splitting s = { .instances = instances, .series = series };
    uint32_t n = 0;
    bool made = false;

    *series = (struct series) { 0 };
    for (size_t i = 0; i < count; i++) {
        n += instances[i]->nframes;
    }
    if (n == 0) {
        return true;
    }
    s.keys = calloc(n, sizeof(*s.keys));
    s.groups = calloc(SERIES_MAX_PARTS, sizeof(*s.groups));
    series->layers = calloc(n, sizeof(*series->layers));
    /* one more, where emit() looks before it sees that there is no room */
    series->parts = calloc(SERIES_MAX_PARTS + 1, sizeof(*series->parts));

    if (s.keys != NULL && s.groups != NULL && series->layers != NULL
        && series->parts != NULL)
    {
        struct key *key = s.keys;

        for (uint32_t i = 0; i < count; i++) {
            for (uint32_t k = 0; k < instances[i]->nframes; k++) {
                *key++ = (struct key) { .ref = { i, k } };
            }
        }
        qsort_r(s.keys, n, sizeof(*s.keys), by_number, &s);
        for (uint32_t i = 0; i < n; i++) {
            s.keys[i].rank = i;
        }
        find_groups(&s, n);
        made = make(&s, n);
        if (made) {
            main_first(series);
        }
    }
    free(s.keys);
    free(s.groups);
    if (!made) {
        series_finish(series);
    }
    return made;
}

bool
series_split(const struct dicom_index *const *instances, size_t count,
    struct series *series)
{
    return series_make(instances, count, series, split_all);
}

bool
series_whole(const struct dicom_index *const *instances, size_t count,
    struct series *series)
{
    return series_make(instances, count, series, keep_whole);
}

void
series_finish(struct series *series)
{
    free(series->layers);
    free(series->parts);
    *series = (struct series) { 0 };
}

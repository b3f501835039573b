#include "stack.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "frame.h"
#include "log.h"
#include "states.h"

/* Texels of one array, unless a single layer is larger. */
#define CHUNK_BYTES  (16u * 1024 * 1024)

/* The same of large layers in plain memory, which is there once it is written:
   the fewer arrays, the fewer remainders that fill no huge page. */
#define LARGE_LAYER  (2u * 1024 * 1024)
#define LARGE_CHUNK  (64u * 1024 * 1024)

#define MAX_GROUPS   1024u

/* What the indexes of one stack may take. */
#define MAX_HOST_BYTES  ((uint64_t) 1 << 30)

/* Instances whose indexes are decoded at a time. */
#define PIECE  16u

/* What is wrong with the indexes. */
enum wrong { WRONG_NOTHING, WRONG_SIZE, WRONG_INDEX };

/* Where the encoded index of an instance is. */
struct encoded {
    const uint8_t  *data;
    size_t          length;
};

struct decoding {
    struct stack    *stack;
    struct encoded  *encoded;           /* of each instance */
    atomic_ullong    bytes, frames;     /* of all that are decoded */
    atomic_int       wrong;
};

static const struct stack_refusal malformed = { 400, "malformed-request",
    "the open request contradicts itself" };
static const struct stack_refusal memory = { 503, "busy", "memory is short" };

static uint64_t
lut_bytes(const struct dicom_lut *lut)
{
    return (uint64_t) lut->count * sizeof(lut->data[0]);
}

/* Host memory that one instance takes. */
static uint64_t
instance_bytes(const struct stack_instance *instance)
{
    const struct dicom_index *index = &instance->index;
    uint64_t bytes = sizeof(*instance) + 128
        + (uint64_t) index->nframes * sizeof(index->frames[0])
        + lut_bytes(&index->modality_lut) + lut_bytes(&index->palette[0])
        + lut_bytes(&index->palette[1]) + lut_bytes(&index->palette[2]);

    for (uint32_t i = 0; i < index->nvoi_luts; i++) {
        bytes += lut_bytes(&index->voi_luts[i]);
    }
    for (uint32_t i = 0; i < index->nframe_luts; i++) {
        bytes += lut_bytes(&index->frame_luts[i]);
    }
    for (uint32_t i = 0; i < index->noverlays; i++) {
        bytes += index->overlays[i].length;
    }
    return bytes;
}

/* Finds the instance records from *at on. */
static bool
find_instances(struct stack *stack, struct encoded *encoded,
    const uint8_t **at, const uint8_t *end, struct stack_refusal *why)
{
    const uint8_t *p = *at;

    for (uint32_t i = 0; i < stack->ninstances; i++) {
        struct stack_instance *instance = &stack->instances[i];
        struct wire_instance record;

        *why = malformed;
        if ((size_t) (end - p) < sizeof(record)) {
            return false;
        }
        memcpy(&record, p, sizeof(record));
        p += sizeof(record);
        if (record.location_length == 0 || record.location_length > 4096
            || record.index_length > WIRE_MAX_META
            || (size_t) (end - p) < (size_t) record.location_length
                + record.index_length
            || memchr(p, '\0', record.location_length) != NULL)
        {
            return false;
        }

        instance->location = strndup((const char *) p,
            record.location_length);
        if (instance->location == NULL) {
            *why = memory;
            return false;
        }
        p += record.location_length;
        encoded[i] = (struct encoded) { p, record.index_length };
        p += record.index_length;
    }
    *at = p;
    return true;
}

/* Decodes the index of one instance; all together must not be too large. */
static enum wrong
decode_instance(struct decoding *decoding, uint32_t i)
{
    struct stack_instance *instance = &decoding->stack->instances[i];
    const struct encoded *encoded = &decoding->encoded[i];
    const char *error;

    if (!index_decode(&instance->index, encoded->data, encoded->length, 0,
            &error))
    {
        log_warn("stack", "index of an instance: %s", error);
        return WRONG_INDEX;
    }

    /* small indexes can unfold to large ones */
    uint64_t bytes = instance_bytes(instance);
    uint64_t frames = instance->index.nframes;
    if (atomic_fetch_add(&decoding->bytes, bytes) + bytes > MAX_HOST_BYTES
        || atomic_fetch_add(&decoding->frames, frames) + frames
            > INDEX_MAX_FRAMES)
    {
        return WRONG_SIZE;
    }
    return WRONG_NOTHING;
}

static void
decode_piece(void *context, unsigned piece, unsigned worker)
{
    struct decoding *decoding = context;
    uint32_t i = piece * PIECE, end = i + PIECE;

    (void) worker;
    if (end > decoding->stack->ninstances) {
        end = decoding->stack->ninstances;
    }
    for (; i < end && atomic_load(&decoding->wrong) == WRONG_NOTHING; i++) {
        enum wrong wrong = decode_instance(decoding, i);

        if (wrong != WRONG_NOTHING) {
            atomic_store(&decoding->wrong, wrong);
        }
    }
}

/* Reads the instance records from *at on. */
static bool
parse_instances(struct stack *stack, struct bands *bands, const uint8_t **at,
    const uint8_t *end, struct stack_refusal *why)
{
    static const struct stack_refusal damaged = { 422, "invalid-index",
        "the stored index of an instance is damaged" };
    static const struct stack_refusal large = { 422, "too-many-layers",
        "the series has more frames than a stack can hold" };
    struct decoding decoding = {
        .stack = stack,
        .encoded = calloc(stack->ninstances, sizeof(struct encoded)),
    };
    bool found = false;

    *why = memory;
    if (decoding.encoded != NULL) {
        found = find_instances(stack, decoding.encoded, at, end, why);
    }
    if (found) {
        bands_run(bands, decode_piece, &decoding,
            (stack->ninstances + PIECE - 1) / PIECE);
        *why = atomic_load(&decoding.wrong) == WRONG_INDEX ? damaged : large;
    }
    free(decoding.encoded);
    return found && atomic_load(&decoding.wrong) == WRONG_NOTHING;
}

/* Reads the records of presentation states, which must be the last. */
static bool
parse_states(struct stack *stack, uint32_t count, const uint8_t *p,
    const uint8_t *end, struct stack_refusal *why)
{
    const char *detail;
    uint64_t bytes = 0;

    *why = malformed;
    if (!states_read(stack, count, &p, end, &bytes, &detail)) {
        if (detail != NULL) {
            *why = memory;
        }
        return false;
    }
    stack->cost += bytes;
    return p == end;
}

static bool
lut_equal(const struct dicom_lut *a, const struct dicom_lut *b)
{
    return a->count == b->count && a->first == b->first && a->bits == b->bits
        && (a->count == 0
            || memcmp(a->data, b->data, a->count * sizeof(a->data[0])) == 0);
}

/* Whether the same window makes the same table of both. */
static bool
voi_equal(const struct dicom_index *a, const struct dicom_index *b)
{
    if (a->bits_allocated != b->bits_allocated
        || a->bits_stored != b->bits_stored || a->high_bit != b->high_bit
        || a->is_signed != b->is_signed || a->photometric != b->photometric
        || a->sample != b->sample || a->voi_function != b->voi_function
        || a->inverse_lut_shape != b->inverse_lut_shape
        || a->rescale_ignored != b->rescale_ignored
        || a->has_padding != b->has_padding
        || a->padding_first != b->padding_first
        || a->padding_last != b->padding_last
        || a->nwindows != b->nwindows || a->nvoi_luts != b->nvoi_luts
        /* which frame has which is told by their places in one instance */
        || a->nframe_luts > 0 || b->nframe_luts > 0
        || !lut_equal(&a->modality_lut, &b->modality_lut))
    {
        return false;
    }
    for (uint32_t i = 0; i < a->nwindows; i++) {
        if (a->windows[i].center != b->windows[i].center
            || a->windows[i].width != b->windows[i].width)
        {
            return false;
        }
    }
    for (uint32_t i = 0; i < a->nvoi_luts; i++) {
        if (!lut_equal(&a->voi_luts[i], &b->voi_luts[i])) {
            return false;
        }
    }
    return true;
}

/*
 * Numbers the VOI attributes: an instance has the class of its neighbour
 * before it, of the first one, or one of its own.
 */
static void
classify_voi(struct stack *stack)
{
    uint32_t classes = 0;

    for (uint32_t i = 0; i < stack->ninstances; i++) {
        struct stack_instance *instance = &stack->instances[i];

        if (i > 0 && voi_equal(&instance->index, &instance[-1].index)) {
            instance->voi_class = instance[-1].voi_class;
        } else if (i > 0
                   && voi_equal(&instance->index, &stack->instances[0].index))
        {
            instance->voi_class = stack->instances[0].voi_class;
        } else {
            instance->voi_class = classes++;
        }
    }
}

static struct layer_group *
find_group(struct stack *stack, const struct dicom_index *index)
{
    enum layer_format format = frame_format(index);

    for (uint32_t i = stack->ngroups; i-- > 0; ) {
        struct layer_group *group = &stack->groups[i];

        if (group->width == index->columns && group->height == index->rows
            && group->format == format)
        {
            return group;
        }
    }
    if (stack->ngroups == MAX_GROUPS) {
        return NULL;
    }

    struct layer_group *group = &stack->groups[stack->ngroups++];
    group->width = index->columns;
    group->height = index->rows;
    group->format = format;
    group->layer_bytes = (size_t) index->columns * index->rows
        * layer_format_size(format);
    return group;
}

/* Gives each layer its place in an array. */
static bool
place_layers(struct stack *stack, uint32_t max_dimension, bool direct)
{
    stack->groups = calloc(MAX_GROUPS, sizeof(stack->groups[0]));
    if (stack->groups == NULL) {
        return false;
    }

    for (uint32_t i = 0; i < stack->nlayers; i++) {
        struct layer *layer = &stack->layers[i];
        const struct dicom_index *index = stack_index(stack, i);
        struct layer_group *group = NULL;

        layer->way = index->storage == STORAGE_NATIVE ? WAY_READ : WAY_DECODE;
        stack->lossy = stack->lossy || index->lossy;
        if (index->columns <= max_dimension && index->rows <= max_dimension) {
            group = find_group(stack, index);
        }
        if (group == NULL) {
            layer->state = LAYER_FAILED;
            layer->slug = "frame-not-decodable";
            layer->detail = strdup("the image is larger than the renderer's "
                "textures, or its series mixes too many sizes");
            stack->failed++;
            continue;
        }
        layer->group = (uint16_t) (group - stack->groups);
        layer->slot = group->count++;
        layer->placed = true;
        stack->pending[layer->way]++;
        stack->bytes += group->layer_bytes;
    }

    for (uint32_t i = 0; i < stack->ngroups; i++) {
        struct layer_group *group = &stack->groups[i];
        size_t most = direct && group->layer_bytes > LARGE_LAYER
            ? LARGE_CHUNK : CHUNK_BYTES;

        group->chunk = group->layer_bytes >= most ? 1
            : (uint32_t) (most / group->layer_bytes);
        if (group->chunk > group->count) {
            group->chunk = group->count;
        }
        group->arrays = calloc((group->count + group->chunk - 1)
            / group->chunk, sizeof(group->arrays[0]));
        if (group->arrays == NULL) {
            return false;
        }
    }
    return true;
}

/* Describes the parts while all instances are there. */
static bool
describe_parts(struct stack *stack, const struct series *series)
{
    stack->parts = calloc(series->nparts, sizeof(stack->parts[0]));
    if (stack->parts == NULL) {
        return false;
    }
    stack->nparts = series->nparts;
    for (uint32_t i = 0; i < series->nparts; i++) {
        const struct series_part *from = &series->parts[i];
        const struct layer_ref *ref = &series->layers[from->first];
        const struct dicom_index *index =
            &stack->instances[ref->instance].index;
        const struct view rest = { .width = 1, .height = 1, .zoom = 1 };
        struct stack_part *part = &stack->parts[i];

        part->layers = from->count;
        part->rows = index->rows;
        part->columns = index->columns;
        series_describe(from, index, ref->frame, part->description);
        geometry_letters(index, ref->frame, &rest, part->letters);
        memcpy(part->first, index->instance_uid, sizeof(part->first));
    }
    return true;
}

/* Makes the layers of the part, and lets the other instances go. */
static bool
take_part(struct stack *stack, const struct series *series)
{
    const struct series_part *part = &series->parts[stack->part];
    uint32_t *places = calloc(stack->ninstances, sizeof(*places));
    uint32_t kept = 0;

    stack->layers = calloc(part->count, sizeof(stack->layers[0]));
    if (places == NULL || stack->layers == NULL) {
        free(places);
        return false;
    }
    for (uint32_t i = 0; i < part->count; i++) {
        places[series->layers[part->first + i].instance] = 1;
    }
    for (uint32_t i = 0; i < stack->ninstances; i++) {
        struct stack_instance *instance = &stack->instances[i];

        if (places[i]) {
            places[i] = kept;
            stack->instances[kept++] = *instance;
        } else {
            free(instance->location);
            index_finish(&instance->index);
        }
    }
    stack->ninstances = kept;
    for (uint32_t i = 0; i < part->count; i++) {
        const struct layer_ref *ref = &series->layers[part->first + i];

        stack->layers[i].instance = places[ref->instance];
        stack->layers[i].frame = ref->frame;
        stack->layers[i].next = LAYER_NONE;
    }
    free(places);
    stack->nlayers = part->count;
    stack->shape = *part;
    stack->shape.first = 0;
    return true;
}

/* Takes the series apart and keeps one part of it. */
static bool
choose_part(struct stack *stack, uint32_t number, struct stack_refusal *why)
{
    const struct dicom_index **indexes = calloc(stack->ninstances,
        sizeof(*indexes));
    struct series series = { 0 };
    bool chosen = false;

    *why = memory;
    if (indexes == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < stack->ninstances; i++) {
        indexes[i] = &stack->instances[i].index;
    }
    if (number == WIRE_PART_WHOLE
        ? !series_whole(indexes, stack->ninstances, &series)
        : !series_split(indexes, stack->ninstances, &series))
    {
        goto done;
    }
    stack->part = number == WIRE_PART_WHOLE ? 0 : number;
    if (series.nparts == 0) {
        *why = (struct stack_refusal) { 422, "no-pixels",
            "no instance of the series has a picture" };
    } else if (stack->part >= series.nparts) {
        *why = (struct stack_refusal) { 404, "part-not-found",
            "the series has fewer parts" };
    } else {
        chosen = describe_parts(stack, &series) && take_part(stack, &series);
    }

done:
    series_finish(&series);
    free(indexes);
    return chosen;
}

/* Host memory that the stack takes besides its texels. */
static uint64_t
host_bytes(const struct stack *stack)
{
    uint64_t bytes = sizeof(*stack)
        + (uint64_t) stack->nlayers * sizeof(stack->layers[0])
        + (uint64_t) stack->nparts * sizeof(stack->parts[0])
        + MAX_GROUPS * sizeof(stack->groups[0]);

    for (uint32_t i = 0; i < stack->ninstances; i++) {
        bytes += instance_bytes(&stack->instances[i]);
    }
    return bytes;
}

bool
stack_key(const uint8_t *body, size_t length, uint8_t key[32])
{
    struct wire_open same;

    if (length < sizeof(same)) {
        return false;
    }
    memcpy(&same, body, sizeof(same));
    memset(same.stack, 0, sizeof(same.stack));
    same.layer = 0;

    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL)
        && EVP_DigestUpdate(ctx, &same, sizeof(same))
        && EVP_DigestUpdate(ctx, body + sizeof(same), length - sizeof(same))
        && EVP_DigestFinal_ex(ctx, key, NULL);
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* Takes over what open says of the whole stack.  NULL: memory is short. */
static struct stack *
make_stack(const struct stack_request *request, const struct wire_open *open)
{
    struct stack *stack = calloc(1, sizeof(*stack));

    if (stack == NULL) {
        return NULL;
    }
    stack->instances = calloc(open->count, sizeof(stack->instances[0]));
    if (stack->instances == NULL) {
        free(stack);
        return NULL;
    }
    stack->ninstances = open->count;
    atomic_init(&stack->users, 1);
    memcpy(stack->key, request->key, sizeof(stack->key));
    memcpy(stack->owner, request->owner, sizeof(stack->owner));
    memcpy(stack->study, open->study, sizeof(stack->study));
    memcpy(stack->series, open->series, sizeof(stack->series));
    for (int way = 0; way < WAY_COUNT; way++) {
        stack->wanted[way] = (struct layer_list) { LAYER_NONE, LAYER_NONE };
    }
    return stack;
}

struct stack *
stack_create(const struct stack_request *request,
    struct stack_refusal *refusal)
{
    const uint8_t *p = request->body + sizeof(struct wire_open);
    const uint8_t *end = request->body + request->length;
    struct wire_open open;

    *refusal = malformed;
    if (request->length < sizeof(open)) {
        return NULL;
    }
    memcpy(&open, request->body, sizeof(open));
    if (open.count == 0 || open.count > WIRE_MAX_INSTANCES
        || (size_t) (end - p) / sizeof(struct wire_instance) < open.count
        || memchr(open.study, '\0', sizeof(open.study)) == NULL
        || memchr(open.series, '\0', sizeof(open.series)) == NULL)
    {
        return NULL;
    }

    *refusal = memory;
    struct stack *stack = make_stack(request, &open);
    if (stack == NULL) {
        return NULL;
    }
    if (!parse_instances(stack, request->bands, &p, end, refusal)
        || !choose_part(stack, open.part, refusal)
        || !parse_states(stack, open.states, p, end, refusal))
    {
        goto error;
    }
    *refusal = memory;
    if (!place_layers(stack, request->max_dimension, request->direct)) {
        goto error;
    }
    classify_voi(stack);
    stack->cost += stack->bytes + host_bytes(stack);
    return stack;

error:
    stack_destroy(stack);
    return NULL;
}

void
stack_destroy(struct stack *stack)
{
    if (stack == NULL) {
        return;
    }
    for (int i = 0; i < STACK_VOI_TABLES; i++) {
        stack_voi_release(stack->tables[i]);
    }
    for (uint32_t i = 0; stack->groups != NULL && i < stack->ngroups; i++) {
        free(stack->groups[i].arrays);
    }
    for (uint32_t i = 0; stack->layers != NULL && i < stack->nlayers; i++) {
        free(stack->layers[i].detail);
    }
    for (uint32_t i = 0; i < stack->ninstances; i++) {
        free(stack->instances[i].location);
        index_finish(&stack->instances[i].index);
    }
    states_finish(stack);
    free(stack->groups);
    free(stack->layers);
    free(stack->parts);
    free(stack->instances);
    free(stack);
}

void
stack_voi_release(struct stack_voi *voi)
{
    if (voi != NULL && atomic_fetch_sub(&voi->users, 1) == 1) {
        voi_table_finish(&voi->table);
        free(voi);
    }
}

static bool
choice_equal(const struct voi_choice *a, const struct voi_choice *b)
{
    return a->function == b->function && a->index == b->index
        && a->invert == b->invert && a->has_window == b->has_window
        && a->state == b->state && a->state_voi == b->state_voi
        && (!a->has_window
            || (a->center == b->center && a->width == b->width));
}

static bool
voi_matches(const struct stack_voi *voi, const struct stack_voi *wanted)
{
    if (voi->voi_class != wanted->voi_class
        || !choice_equal(&voi->asked, &wanted->asked)
        || voi->slope != wanted->slope || voi->intercept != wanted->intercept
        || voi->lowest != wanted->lowest || voi->highest != wanted->highest
        || voi->function != wanted->function || voi->nluts != wanted->nluts
        || voi->first_lut != wanted->first_lut
        || voi->nwindows != wanted->nwindows)
    {
        return false;
    }
    for (uint32_t i = 0; i < voi->nwindows; i++) {
        if (voi->windows[i].center != wanted->windows[i].center
            || voi->windows[i].width != wanted->windows[i].width)
        {
            return false;
        }
    }
    return true;
}

struct stack_voi *
stack_voi(struct stack *stack, uint32_t layer,
    const struct voi_choice *choice, double lowest, double highest,
    const char **error)
{
    const struct stack_instance *instance =
        &stack->instances[stack->layers[layer].instance];
    uint32_t number = stack->layers[layer].frame;
    const struct dicom_frame *frame = &instance->index.frames[number];
    struct stack_voi wanted = {
        .asked = *choice,
        .voi_class = instance->voi_class,
        .slope = frame->slope,
        .intercept = frame->intercept,
        .lowest = lowest,
        .highest = highest,
        .function = frame->voi_function,
        .nluts = frame->nvoi_luts,
        .first_lut = frame->first_voi_lut,
    };

    /* the file's windows count only when the user gives none */
    if (!choice->has_window) {
        wanted.nwindows = frame->nwindows;
        memcpy(wanted.windows, frame->windows, sizeof(wanted.windows));
    }

    for (int i = 0; i < STACK_VOI_TABLES && stack->tables[i] != NULL; i++) {
        struct stack_voi *voi = stack->tables[i];

        if (voi_matches(voi, &wanted)) {
            memmove(&stack->tables[1], &stack->tables[0],
                (size_t) i * sizeof(voi));
            stack->tables[0] = voi;
            atomic_fetch_add(&voi->users, 1);
            return voi;
        }
    }

    struct stack_voi *voi = malloc(sizeof(*voi));
    if (voi == NULL) {
        *error = NULL;
        return NULL;
    }
    memcpy(voi, &wanted, sizeof(*voi));
    voi->shown = *choice;
    if (!voi_table_init(&voi->table, &instance->index, number, &voi->shown,
            lowest, highest, error))
    {
        free(voi);
        return NULL;
    }
    atomic_init(&voi->users, 2);        /* the cache and the caller */

    stack_voi_release(stack->tables[STACK_VOI_TABLES - 1]);
    memmove(&stack->tables[1], &stack->tables[0],
        (STACK_VOI_TABLES - 1) * sizeof(voi));
    stack->tables[0] = voi;
    return voi;
}

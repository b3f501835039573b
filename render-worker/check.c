#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "encode.h"
#include "log.h"
#include "picture.h"

/* Any name: the file is open already and is found under it. */
#define LOCATION  "file"

/* The request that would open a stack of this one file. */
static struct stack *
check_stack(const struct dicom_index *index, uint32_t max_dimension)
{
    struct wire_open open = { .count = 1, .part = WIRE_PART_WHOLE };
    struct wire_instance instance = { .location_length = strlen(LOCATION) };
    uint8_t *encoded = NULL;
    size_t length;
    struct stack_refusal refusal = { .detail = "memory is short" };
    struct stack *stack = NULL;

    if (!index_encode(index, &encoded, &length)) {
        goto done;
    }
    instance.index_length = (uint32_t) length;

    size_t size = sizeof(open) + sizeof(instance) + strlen(LOCATION) + length;
    uint8_t *body = malloc(size), *p = body;
    if (body == NULL) {
        goto done;
    }
    memcpy(p, &open, sizeof(open));
    p += sizeof(open);
    memcpy(p, &instance, sizeof(instance));
    p += sizeof(instance);
    memcpy(p, LOCATION, strlen(LOCATION));
    memcpy(p + strlen(LOCATION), encoded, length);
    const struct stack_request request = { .body = body, .length = size,
        .max_dimension = max_dimension };
    stack = stack_create(&request, &refusal);
    free(body);

done:
    free(encoded);
    if (stack == NULL) {
        log_error("check", "%s", refusal.detail);
    }
    return stack;
}

static uint32_t
find_layer(const struct stack *stack, uint32_t frame)
{
    for (uint32_t i = 0; i < stack->nlayers; i++) {
        if (stack->layers[i].frame == frame && stack->layers[i].placed) {
            return i;
        }
    }
    return LAYER_NONE;
}

static bool
check_encode(const struct check_config *config,
    const struct frame_source *source, const struct frame_ref *ref,
    const struct draw *draw, const struct present *present, unsigned samples,
    uint8_t *pixels)
{
    struct frame_error error = { 0 };
    uint8_t *data = NULL;
    size_t length;

    if (!present_burn(present, source, ref, draw->matrix, samples, pixels,
            &error))
    {
        log_error("check", "%s", error.detail);
        return false;
    }
    const struct encode_source picture = { .pixels = pixels,
        .width = draw->width, .height = draw->height, .samples = samples };
    bool ok = encode_picture((enum encode_format) config->ask.format, &picture,
            config->ask.quality, NULL, &data, &length)
        && fwrite(data, 1, length, stdout) == length && fflush(stdout) == 0;
    free(data);
    encode_thread_finish();
    renderer_thread_finish();
    return ok;
}

static bool
check_draw(const struct check_config *config,
    const struct frame_source *source, struct renderer *renderer,
    struct stack *stack, uint32_t number)
{
    const struct layer_group *group =
        &stack->groups[stack->layers[number].group];
    struct frame_ref ref = { stack_index(stack, number), LOCATION,
        config->frame, { 0 } };
    struct wire_render ask = config->ask;
    struct painting painting = { 0 };
    struct wire_picture shown;
    struct present present;
    struct stack_voi *voi = NULL;
    struct frame_range range = { 0 };
    struct frame_error error = { 0 };
    const char *wrong = "memory is short";
    uint8_t *texels = malloc(group->layer_bytes), *pixels = NULL;
    bool ok = false;

    if (texels == NULL) {
        goto done;
    }
    if (!frame_load(source, &ref, texels, frame_needs_range(ref.index,
            ref.frame) ? &range : NULL, &error))
    {
        wrong = error.detail;
        goto done;
    }
    ask.layer = number;
    wrong = picture_check(&ask, renderer_info(renderer)->max_dimension);
    if (wrong == NULL) {
        wrong = picture_prepare(stack, NULL, &ask, range.lowest,
            range.highest, &painting, &present, &voi, &shown);
    }
    if (wrong != NULL) {
        goto done;
    }

    wrong = "the renderer failed";
    painting.draw.array = renderer_array_create(renderer, group->width,
        group->height, group->format, 1);
    pixels = malloc(painting.size);
    if (painting.draw.array != NULL && pixels != NULL
        && renderer_upload(renderer, painting.draw.array, 0, texels)
        && renderer_draw(renderer, &painting.draw, pixels))
    {
        wrong = NULL;
        ok = check_encode(config, source, &ref, &painting.draw,
            &present, shown.samples, pixels);
    }
    renderer_array_destroy(renderer, painting.draw.array);

done:
    if (wrong != NULL) {
        log_error("check", "%s", wrong);
    }
    stack_voi_release(voi);
    free(pixels);
    free(texels);
    return ok;
}

/* All that needs the file's index. */
static bool
check_index(const struct check_config *config, struct decoder *decoder,
    struct objects *objects, const struct dicom_index *index)
{
    struct frame_source source = { objects, decoder };
    struct renderer *renderer = renderer_create(config->renderer,
        &config->egl);

    if (renderer == NULL) {
        return false;
    }
    bool ok = false;
    struct stack *stack = check_stack(index,
        renderer_info(renderer)->max_dimension);
    if (stack != NULL) {
        uint32_t number = find_layer(stack, config->frame);

        if (number == LAYER_NONE) {
            log_error("check", "the file has no frame %u", config->frame);
        } else {
            ok = check_draw(config, &source, renderer, stack, number);
        }
    }
    stack_destroy(stack);
    renderer_trim(renderer, 0);
    renderer_destroy(renderer);
    return ok;
}

int
check_render(const struct check_config *config, struct decoder *decoder)
{
    static const uint8_t user[16];
    struct decoder_header header = { 0 };
    struct decoder_error error = { 0 };
    bool ok = false;

    int fd = open(config->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        log_error("check", "%s: %s", config->path, strerror(errno));
        return EXIT_FAILURE;
    }
    struct objects *objects = objects_create(NULL, 1);
    if (objects == NULL || !objects_keep(objects, LOCATION, fd)) {
        close(fd);
    } else if (!decoder_header(decoder, fd, user, &header, &error)) {
        log_error("check", "%s", error.detail);
    } else {
        ok = check_index(config, decoder, objects, &header.index);
        decoder_header_finish(&header);
    }
    objects_destroy(objects);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/*
 * One picture of one file without store and socket, on the way that served
 * pictures take: index, stack, frame, renderer, encoder.  For tests, and for
 * a look at a file that the store refuses.
 */

#ifndef DICOM_CHECK_H
#define DICOM_CHECK_H

#include "decoder.h"
#include "painter.h"
#include "wire.h"

struct check_config {
    const char              *path;
    uint32_t                 frame;
    struct wire_render       ask;       /* but stack and layer */
    enum renderer_kind        renderer;
    struct renderer_config   egl;
};

/* Writes the picture to standard output.  The status to exit with. */
int check_render(const struct check_config *config, struct decoder *decoder);

#endif /* DICOM_CHECK_H */

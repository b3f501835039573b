/*
 * A headless OpenGL 4.5 core context: GBM on a DRM render node, an EGL device,
 * or Mesa's surfaceless platform.  Renders to framebuffer objects only.
 */

#ifndef DICOM_EGL_H
#define DICOM_EGL_H

#include <stdbool.h>

#include <EGL/egl.h>

#include "gl.h"

struct gbm_device;

struct egl {
    EGLDisplay          display;
    EGLContext          context;
    struct gbm_device  *gbm;        /* platform gbm only */
    int                 fd;         /* of its render node, or -1 */
    bool                robust;     /* resets are reported */
    bool                software;
    struct gl           gl;
    char                platform[64];
};

/*
 * Makes a context current on the calling thread.  platform: "auto" (a GPU by
 * GBM, then by EGL device, then surfaceless, then software by any of them),
 * "gbm", "device" or "surfaceless"; device: path of a DRM node that gbm and
 * device must use, or NULL.  NULL on failure; each attempt is logged.
 */
struct egl *egl_create(const char *platform, const char *device);

/* Accepts NULL. */
void egl_destroy(struct egl *egl);

#endif /* DICOM_EGL_H */

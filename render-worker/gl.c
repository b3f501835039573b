#include <stddef.h>

#include <EGL/egl.h>

#include "gl.h"
#include "log.h"


bool
gl_load(struct gl *gl)
{
#define X(upper, name)                                                        \
    gl->name = (PFNGL##upper##PROC) eglGetProcAddress("gl" #name);            \
    if (gl->name == NULL) {                                                   \
        log_error("gl", "this OpenGL has no gl" #name);                       \
        return false;                                                         \
    }

    GL_FUNCTIONS(X)

#undef X

    return true;
}

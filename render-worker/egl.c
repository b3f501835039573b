#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gbm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <EGL/egl.h>
#include <EGL/eglext.h>

#include "egl.h"
#include "log.h"

#define EGL_MAX_DEVICES  32
#define DRI_FOLDER       "/dev/dri"


static const char *
egl_error(void)
{
    switch (eglGetError()) {
    case EGL_SUCCESS: return "no error";
    case EGL_NOT_INITIALIZED: return "not initialized";
    case EGL_BAD_ALLOC: return "bad alloc";
    case EGL_BAD_ATTRIBUTE: return "bad attribute";
    case EGL_BAD_CONFIG: return "bad config";
    case EGL_BAD_DISPLAY: return "bad display";
    case EGL_BAD_MATCH: return "bad match";
    case EGL_BAD_PARAMETER: return "bad parameter";
    case EGL_CONTEXT_LOST: return "context lost";
    default: return "error";
    }
}


/* Whole words only: one extension's name may begin another's. */
static bool
has_extension(const char *list, const char *name)
{
    size_t       length;
    const char  *p;

    if (list == NULL) {
        return false;
    }

    length = strlen(name);

    for (p = list; (p = strstr(p, name)) != NULL; p += length) {
        if ((p == list || p[-1] == ' ')
            && (p[length] == ' ' || p[length] == '\0'))
        {
            return true;
        }
    }

    return false;
}


static bool
client_extension(const char *name)
{
    return has_extension(eglQueryString(EGL_NO_DISPLAY, EGL_EXTENSIONS), name);
}


static EGLContext
context_create(EGLDisplay display, bool robust)
{
    EGLint        attribs[] = {
        EGL_CONTEXT_MAJOR_VERSION, 4,
        EGL_CONTEXT_MINOR_VERSION, 5,
        EGL_CONTEXT_OPENGL_PROFILE_MASK, EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT,
        EGL_CONTEXT_OPENGL_ROBUST_ACCESS, EGL_TRUE,
        EGL_CONTEXT_OPENGL_RESET_NOTIFICATION_STRATEGY,
        EGL_LOSE_CONTEXT_ON_RESET,
        EGL_NONE
    };
    const size_t  plain = 6;

    if (!robust) {
        attribs[plain] = EGL_NONE;
    }

    return eglCreateContext(display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT,
                            attribs);
}


static bool
software_name(const char *name)
{
    static const char *const  names[] = {
        "llvmpipe", "softpipe", "swrast", "SwiftShader", "Software"
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (name != NULL && strstr(name, names[i]) != NULL) {
            return true;
        }
    }

    return false;
}


/* From an initialised or not yet initialised display to a current context. */
static bool
egl_start(struct egl *egl)
{
    EGLint       major, minor;
    const char  *extensions;

    if (egl->display == EGL_NO_DISPLAY) {
        log_info("egl", "%s: no display: %s", egl->platform, egl_error());
        return false;
    }

    if (!eglInitialize(egl->display, &major, &minor)) {
        log_info("egl", "%s: not initialised: %s", egl->platform,
                 egl_error());
        return false;
    }

    extensions = eglQueryString(egl->display, EGL_EXTENSIONS);

    if (!has_extension(extensions, "EGL_KHR_surfaceless_context")
        || !has_extension(extensions, "EGL_KHR_no_config_context"))
    {
        log_info("egl", "%s: EGL %d.%d without surfaceless contexts",
                 egl->platform, major, minor);
        return false;
    }

    if (!eglBindAPI(EGL_OPENGL_API)) {
        log_info("egl", "%s: no desktop OpenGL", egl->platform);
        return false;
    }

    egl->context = context_create(egl->display, true);
    egl->robust = egl->context != EGL_NO_CONTEXT;

    if (!egl->robust) {
        egl->context = context_create(egl->display, false);
    }

    if (egl->context == EGL_NO_CONTEXT) {
        log_info("egl", "%s: no OpenGL 4.5 core context: %s", egl->platform,
                 egl_error());
        return false;
    }

    if (!eglMakeCurrent(egl->display, EGL_NO_SURFACE, EGL_NO_SURFACE,
                        egl->context))
    {
        log_info("egl", "%s: context not usable: %s", egl->platform,
                 egl_error());
        return false;
    }

    if (!gl_load(&egl->gl)) {
        return false;
    }

    egl->software =
        software_name((const char *) egl->gl.GetString(GL_RENDERER));

    return true;
}


static struct egl *
egl_alloc(const char *platform, const char *detail)
{
    struct egl  *egl;

    egl = calloc(1, sizeof(*egl));
    if (egl == NULL) {
        log_error("egl", "out of memory");
        return NULL;
    }

    egl->fd = -1;
    snprintf(egl->platform, sizeof(egl->platform), "%s%s%s", platform,
             detail != NULL ? " " : "", detail != NULL ? detail : "");

    return egl;
}


static struct egl *
egl_finish(struct egl *egl)
{
    if (egl_start(egl)) {
        return egl;
    }

    egl_destroy(egl);

    return NULL;
}


static struct egl *
try_gbm_node(const char *path)
{
    struct egl  *egl;

    egl = egl_alloc("gbm", path);
    if (egl == NULL) {
        return NULL;
    }

    egl->fd = open(path, O_RDWR | O_CLOEXEC);
    if (egl->fd == -1) {
        log_info("egl", "gbm: %s: %s", path, strerror(errno));
        goto error;
    }

    egl->gbm = gbm_create_device(egl->fd);
    if (egl->gbm == NULL) {
        log_info("egl", "gbm: %s: no GBM driver", path);
        goto error;
    }

    egl->display = eglGetPlatformDisplay(EGL_PLATFORM_GBM_KHR, egl->gbm, NULL);

    return egl_finish(egl);

error:

    egl_destroy(egl);

    return NULL;
}


/* Keeps the better of two: a GPU before software, the first among equals. */
static struct egl *
better(struct egl *one, struct egl *two)
{
    struct egl  *loser;

    if (one == NULL || (two != NULL && one->software && !two->software)) {
        loser = one;
        one = two;

    } else {
        loser = two;
    }

    if (loser != NULL) {
        egl_destroy(loser);
    }

    if (one != NULL) {
        eglMakeCurrent(one->display, EGL_NO_SURFACE, EGL_NO_SURFACE,
                       one->context);
    }

    return one;
}


static int
render_node(const struct dirent *entry)
{
    return strncmp(entry->d_name, "renderD", 7) == 0;
}


static struct egl *
try_gbm(const char *device)
{
    int             n;
    char            path[sizeof(DRI_FOLDER) + 1 + NAME_MAX];
    struct egl     *egl;
    struct dirent **entries;

    if (!client_extension("EGL_KHR_platform_gbm")
        && !client_extension("EGL_MESA_platform_gbm"))
    {
        log_info("egl", "gbm: not supported by this EGL");
        return NULL;
    }

    if (device != NULL) {
        return try_gbm_node(device);
    }

    n = scandir(DRI_FOLDER, &entries, render_node, alphasort);
    if (n <= 0) {
        log_info("egl", "gbm: no render node in " DRI_FOLDER);

        if (n == 0) {
            free(entries);
        }

        return NULL;
    }

    egl = NULL;

    for (int i = 0; i < n; i++) {
        if (egl == NULL || egl->software) {
            snprintf(path, sizeof(path), DRI_FOLDER "/%s",
                     entries[i]->d_name);
            egl = better(egl, try_gbm_node(path));
        }

        free(entries[i]);
    }

    free(entries);

    return egl;
}


/* The DRM node of an EGL device, or NULL (a software device has none). */
static const char *
device_node(PFNEGLQUERYDEVICESTRINGEXTPROC query, EGLDeviceEXT device)
{
    const char  *extensions, *node;

    extensions = query(device, EGL_EXTENSIONS);
    node = NULL;

    if (has_extension(extensions, "EGL_EXT_device_drm_render_node")) {
        node = query(device, EGL_DRM_RENDER_NODE_FILE_EXT);
    }

    if (node == NULL && has_extension(extensions, "EGL_EXT_device_drm")) {
        node = query(device, EGL_DRM_DEVICE_FILE_EXT);
    }

    return node;
}


static struct egl *
try_device(const char *wanted)
{
    char          detail[48];
    EGLint        n;
    const char   *node;
    struct egl   *egl, *one;
    EGLDeviceEXT  devices[EGL_MAX_DEVICES];

    PFNEGLQUERYDEVICESEXTPROC       list;
    PFNEGLQUERYDEVICESTRINGEXTPROC  query;

    list = (PFNEGLQUERYDEVICESEXTPROC) eglGetProcAddress("eglQueryDevicesEXT");
    query = (PFNEGLQUERYDEVICESTRINGEXTPROC)
            eglGetProcAddress("eglQueryDeviceStringEXT");

    if (!client_extension("EGL_EXT_platform_device")
        || (!client_extension("EGL_EXT_device_base")
            && !client_extension("EGL_EXT_device_enumeration"))
        || list == NULL || query == NULL)
    {
        log_info("egl", "device: not supported by this EGL");
        return NULL;
    }

    if (!list(EGL_MAX_DEVICES, devices, &n) || n == 0) {
        log_info("egl", "device: none");
        return NULL;
    }

    egl = NULL;

    for (EGLint i = 0; i < n && (egl == NULL || egl->software); i++) {
        node = device_node(query, devices[i]);

        if (wanted != NULL && (node == NULL || strcmp(wanted, node) != 0)) {
            continue;
        }

        snprintf(detail, sizeof(detail), "%d %.32s", i,
                 node != NULL ? node : "without node");

        one = egl_alloc("device", detail);
        if (one == NULL) {
            break;
        }

        one->display = eglGetPlatformDisplay(EGL_PLATFORM_DEVICE_EXT,
                                             devices[i], NULL);
        egl = better(egl, egl_finish(one));
    }

    if (egl == NULL && wanted != NULL) {
        log_info("egl", "device: none has the node %s", wanted);
    }

    return egl;
}


static struct egl *
try_surfaceless(void)
{
    struct egl  *egl;

    if (!client_extension("EGL_MESA_platform_surfaceless")) {
        log_info("egl", "surfaceless: not supported by this EGL");
        return NULL;
    }

    egl = egl_alloc("surfaceless", NULL);
    if (egl == NULL) {
        return NULL;
    }

    egl->display = eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA,
                                         (void *) EGL_DEFAULT_DISPLAY, NULL);

    return egl_finish(egl);
}


struct egl *
egl_create(const char *platform, const char *device)
{
    bool         all;
    struct egl  *egl;

    all = strcmp(platform, "auto") == 0;
    egl = NULL;

    if (all || strcmp(platform, "gbm") == 0) {
        egl = try_gbm(device);
    }

    if ((egl == NULL || egl->software)
        && (all || strcmp(platform, "device") == 0))
    {
        egl = better(egl, try_device(device));
    }

    if ((egl == NULL || egl->software)
        && ((all && device == NULL) || strcmp(platform, "surfaceless") == 0))
    {
        egl = better(egl, try_surfaceless());
    }

    if (egl == NULL) {
        log_error("egl", "no OpenGL 4.5 context (platform %s%s%s)", platform,
                  device != NULL ? ", device " : "",
                  device != NULL ? device : "");
        return NULL;
    }

    log_info("egl", "chose %s: %s, %s, OpenGL %s%s", egl->platform,
             (const char *) egl->gl.GetString(GL_VENDOR),
             (const char *) egl->gl.GetString(GL_RENDERER),
             (const char *) egl->gl.GetString(GL_VERSION),
             egl->robust ? "" : ", resets not reported");

    if (egl->software) {
        log_warn("egl", "no GPU: OpenGL runs in software on the CPU");
    }

    return egl;
}


void
egl_destroy(struct egl *egl)
{
    if (egl == NULL) {
        return;
    }

    if (egl->context != EGL_NO_CONTEXT) {
        if (eglGetCurrentContext() == egl->context) {
            eglMakeCurrent(egl->display, EGL_NO_SURFACE, EGL_NO_SURFACE,
                           EGL_NO_CONTEXT);
        }

        eglDestroyContext(egl->display, egl->context);
    }

    if (egl->display != EGL_NO_DISPLAY) {
        eglTerminate(egl->display);
    }

    if (egl->gbm != NULL) {
        gbm_device_destroy(egl->gbm);
    }

    if (egl->fd != -1) {
        close(egl->fd);
    }

    free(egl);
}

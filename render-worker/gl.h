/*
 * The OpenGL 4.5 functions the worker calls, loaded by eglGetProcAddress.
 */

#ifndef DICOM_GL_H
#define DICOM_GL_H

#include <stdbool.h>

#include <GL/glcorearb.h>

#define GL_FUNCTIONS(X)                                                       \
    X(ACTIVETEXTURE, ActiveTexture)                                           \
    X(ATTACHSHADER, AttachShader)                                             \
    X(BINDBUFFER, BindBuffer)                                                 \
    X(BINDFRAMEBUFFER, BindFramebuffer)                                       \
    X(BINDRENDERBUFFER, BindRenderbuffer)                                     \
    X(BINDTEXTURE, BindTexture)                                               \
    X(BINDVERTEXARRAY, BindVertexArray)                                       \
    X(BUFFERDATA, BufferData)                                                 \
    X(CHECKFRAMEBUFFERSTATUS, CheckFramebufferStatus)                         \
    X(COMPILESHADER, CompileShader)                                           \
    X(CREATEPROGRAM, CreateProgram)                                           \
    X(CREATESHADER, CreateShader)                                             \
    X(DELETEBUFFERS, DeleteBuffers)                                           \
    X(DELETEFRAMEBUFFERS, DeleteFramebuffers)                                 \
    X(DELETEPROGRAM, DeleteProgram)                                           \
    X(DELETERENDERBUFFERS, DeleteRenderbuffers)                               \
    X(DELETESHADER, DeleteShader)                                             \
    X(DELETETEXTURES, DeleteTextures)                                         \
    X(DELETEVERTEXARRAYS, DeleteVertexArrays)                                 \
    X(DISABLE, Disable)                                                       \
    X(DRAWARRAYS, DrawArrays)                                                 \
    X(FRAMEBUFFERRENDERBUFFER, FramebufferRenderbuffer)                       \
    X(GENBUFFERS, GenBuffers)                                                 \
    X(GENFRAMEBUFFERS, GenFramebuffers)                                       \
    X(GENRENDERBUFFERS, GenRenderbuffers)                                     \
    X(GENTEXTURES, GenTextures)                                               \
    X(GENVERTEXARRAYS, GenVertexArrays)                                       \
    X(GETERROR, GetError)                                                     \
    X(GETGRAPHICSRESETSTATUS, GetGraphicsResetStatus)                         \
    X(GETINTEGERV, GetIntegerv)                                               \
    X(GETPROGRAMINFOLOG, GetProgramInfoLog)                                   \
    X(GETPROGRAMIV, GetProgramiv)                                             \
    X(GETSHADERINFOLOG, GetShaderInfoLog)                                     \
    X(GETSHADERIV, GetShaderiv)                                               \
    X(GETSTRING, GetString)                                                   \
    X(GETUNIFORMLOCATION, GetUniformLocation)                                 \
    X(LINKPROGRAM, LinkProgram)                                               \
    X(PIXELSTOREI, PixelStorei)                                               \
    X(READPIXELS, ReadPixels)                                                 \
    X(RENDERBUFFERSTORAGE, RenderbufferStorage)                               \
    X(SHADERSOURCE, ShaderSource)                                             \
    X(TEXBUFFER, TexBuffer)                                                   \
    X(TEXPARAMETERI, TexParameteri)                                           \
    X(TEXSTORAGE3D, TexStorage3D)                                             \
    X(TEXSUBIMAGE3D, TexSubImage3D)                                           \
    X(UNIFORM1I, Uniform1i)                                                   \
    X(UNIFORM4F, Uniform4f)                                                   \
    X(UNIFORM4I, Uniform4i)                                                   \
    X(UNIFORM4UI, Uniform4ui)                                                 \
    X(UNIFORM4UIV, Uniform4uiv)                                               \
    X(USEPROGRAM, UseProgram)                                                 \
    X(VIEWPORT, Viewport)

/* gl.TexStorage3D(...) and so on */
struct gl {
#define X(upper, name)  PFNGL##upper##PROC name;
    GL_FUNCTIONS(X)
#undef X
};

/* Fills gl, with a context current.  false: one is missing (logged). */
bool gl_load(struct gl *gl);

#endif /* DICOM_GL_H */

/*
 * Function multiversioning: the loader picks the widest version this machine
 * can run.  All versions give the same bits, since contraction to fused
 * multiply-add is off (Makefile).
 */

#ifndef DICOM_MULTIVERSION_H
#define DICOM_MULTIVERSION_H

/* The sanitizers instrument the resolvers, which run before they are set up */

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)           \
    && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MULTIVERSION                                                          \
    __attribute__((target_clones("default", "arch=x86-64-v3",                 \
                                 "arch=x86-64-v4")))
#else
#define MULTIVERSION
#endif

#endif /* DICOM_MULTIVERSION_H */

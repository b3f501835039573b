/*
 * The four series of the demo as files.
 */

#ifndef DEMO_FILES_H
#define DEMO_FILES_H

#include <stdbool.h>

struct order {
    const char *folder;
    int frames;             /* 0: as many as the series has by itself */
    int multi;              /* -1: as the series has it; 0 single, 1 multi */
};

struct series_writer {
    const char *name;
    bool (*write)(const struct order *order);
};

/* Ends with a NULL name. */
extern const struct series_writer series_writers[];

#endif /* DEMO_FILES_H */

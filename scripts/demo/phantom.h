/*
 * What the phantoms look like; how they are written to files is main.c's.
 */

#ifndef DEMO_PHANTOM_H
#define DEMO_PHANTOM_H

#include <stddef.h>
#include <stdint.h>

/* Hounsfield units at a point of the head, of the rest below it; head.c. */
float head_at(float x, float y, float z);
float headrest_at(float x, float y);

/*
 * Fills slice number of a scan: size by size pixels of spacing mm, centred, at
 * height z.  Stored values: HU + 1024.
 */
void head_slice(uint16_t *stored, int size, float spacing, float z,
    uint32_t number);

/* One slice of a compressed breast, 12 bit, of depth 0 to 1; breast.c. */
void breast_slice(uint16_t *stored, int columns, int rows, float depth,
    uint32_t number);

/* One picture of a beating heart, phase 0 to 1, RGB; heart.c. */
void heart_picture(uint8_t *rgb, int columns, int rows, float phase,
    float cycle, uint32_t number);

/* A chest from the front, 12 bit, dark where X-rays were stopped; chest.c. */
void chest_picture(uint16_t *stored, int columns, int rows);

#endif /* DEMO_PHANTOM_H */

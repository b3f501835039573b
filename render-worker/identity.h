/*
 * Who a file is when it does not say so itself.
 *
 * A file whose Study, Series or SOP Instance UID is missing or no UID is still
 * worth keeping and showing.  It gets UIDs derived from what it does say
 * (2.25.<integer>, PS3.5 B.2, of a UUID of version 8, RFC 9562 5.8, made from
 * a SHA-256), so that the same bytes always get the same ones.  They stand in
 * the index and the database only; the stored bytes stay as they came.  Pure.
 */

#ifndef DICOM_IDENTITY_H
#define DICOM_IDENTITY_H

#include "decoder.h"
#include "digest.h"

enum identity {
    IDENTITY_COMPLETE = 0,
    IDENTITY_NONE,              /* no SOP Class and no picture: no meaning */
    IDENTITY_MEMORY
};

/*
 * Appends to header's fields what is missing of study, series, instance and
 * SOP Class, and WIRE_F_ASSIGNED with the names of what was; sets the index's
 * UIDs to the same.  header->fields may move.
 *
 *   instance   from the file's bytes.
 *   study      from its Series Instance UID and patient when it has that UID;
 *              else from patient, study date and time, Study ID and accession
 *              number when Patient ID, study date, and time or accession
 *              number are all there; else from the file's bytes.
 *   series     from the study, modality, Series Number, frame of reference,
 *              description and body part when it has a number or a frame of
 *              reference; else from the file's bytes.
 *   SOP Class  Secondary Capture Image Storage (1.2.840.10008.5.1.4.1.1.7).
 *
 * So a broken series stays together where the file says enough, and where it
 * does not, each file stands alone: two patients never meet in one study.
 */
enum identity identity_complete(struct decoder_header *header,
    const struct digest *digest);

/* The UID of a SHA-256; uid has 65 bytes. */
void identity_uid(const unsigned char sha256[32], char *uid);

#endif /* DICOM_IDENTITY_H */

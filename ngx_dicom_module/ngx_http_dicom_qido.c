
/*
 * QIDO-RS: searches for studies, series and instances.
 */


#include "ngx_http_dicom_qido.h"
#include "ngx_http_dicom_accept.h"
#include "ngx_http_dicom_attribute.h"
#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_facility.h"
#include "ngx_http_dicom_qido_args.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_uid.h"


/* columns of QIDO_SERIES, and of QIDO_ALL_SERIES, which goes on */
enum {
    E_UID = 0, E_NUMBER, E_MODALITY, E_DESCRIPTION, E_BODY_PART, E_STUDY,
    E_INSTANCES, E_OF_STUDY
};

/* columns of QIDO_INSTANCES, and of QIDO_ALL_INSTANCES, which goes on */
enum {
    I_UID = 0, I_NUMBER, I_SOP_CLASS, I_SYNTAX, I_FRAMES, I_HEIGHT, I_WIDTH,
    I_SERIES, I_STUDY, I_OF_STUDY
};

/* columns of the study, from E_OF_STUDY or I_OF_STUDY on */
enum {
    O_DATE = 0, O_TIME, O_ACCESSION, O_REFERRING, O_DESCRIPTION, O_NAME,
    O_PATIENT_ID, O_ISSUER, O_BIRTH_DATE, O_SEX, O_ID, O_COUNT
};

/* columns of the series, after those of the study */
enum {
    F_MODALITY = I_OF_STUDY + O_COUNT, F_NUMBER, F_DESCRIPTION
};


/* An attribute of the answer, and the column it is from. */
typedef struct {
    const char  *tag;                  /* NULL ends the table */
    const char  *vr;
    int          column;               /* -1: value is the text */
    const char  *value;
} ngx_http_dicom_attribute_t;

/* A search, ctx->data. */
typedef struct {
    const ngx_http_dicom_attribute_t  *attributes;
    const char *const                 *names;      /* of arguments */
    ngx_uint_t                         limit;
    ngx_uint_t                         offset;
    char                               rows[24];   /* to read */
    int                                path[3];    /* columns of the UIDs of
                                                      study, series and
                                                      instance; -1: none */
} ngx_http_dicom_qido_t;


static ngx_http_dicom_qido_t *ngx_http_dicom_qido_create(
    ngx_http_request_t *r, const ngx_http_dicom_attribute_t *attributes);
static ngx_int_t ngx_http_dicom_qido_prepare(ngx_http_request_t *r,
    ngx_http_dicom_qido_t *qido, const char *const *names,
    ngx_uint_t nparams);
static ngx_int_t ngx_http_dicom_qido_instances_of(ngx_http_request_t *r,
    ngx_uint_t nparams);
static ngx_int_t ngx_http_dicom_qido_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static void ngx_http_dicom_qido_write(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, PGresult *res, int row);
static void ngx_http_dicom_qido_url(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, PGresult *res, int row);


/* of the study, the series, the instance, of all searches */

#define QIDO_STUDY_ARGS                                                       \
    "StudyInstanceUID", "0020000D", "PatientID", "00100020",                  \
    "PatientName", "00100010", "StudyDate", "00080020",                       \
    "StudyTime", "00080030", "AccessionNumber", "00080050"

#define QIDO_SERIES_ARGS                                                      \
    "SeriesInstanceUID", "0020000E", "Modality", "00080060",                  \
    "SeriesNumber", "00200011", "SeriesDescription", "0008103E"

#define QIDO_INSTANCE_ARGS                                                    \
    "SOPInstanceUID", "00080018", "SOPClassUID", "00080016",                  \
    "InstanceNumber", "00200013"

#define QIDO_ARGS                                                             \
    "limit", "offset", "includefield", "fuzzymatching", "accept", NULL

static const char *const  ngx_http_dicom_qido_study_args[] = {
    QIDO_STUDY_ARGS, "ModalitiesInStudy", "00080061",
    "StudyDescription", "00081030", "ReferringPhysicianName", "00080090",
    "StudyID", "00200010", QIDO_ARGS
};

static const char *const  ngx_http_dicom_qido_series_args[] = {
    QIDO_SERIES_ARGS, QIDO_ARGS
};

static const char *const  ngx_http_dicom_qido_instance_args[] = {
    QIDO_INSTANCE_ARGS, QIDO_ARGS
};

static const char *const  ngx_http_dicom_qido_any_series_args[] = {
    QIDO_STUDY_ARGS, QIDO_SERIES_ARGS, QIDO_ARGS
};

static const char *const  ngx_http_dicom_qido_any_instance_args[] = {
    QIDO_STUDY_ARGS, QIDO_SERIES_ARGS, QIDO_INSTANCE_ARGS, QIDO_ARGS
};


/* PS3.18 tables 10.6.3-3 to 10.6.3-5, as far as the database knows them */

static const ngx_http_dicom_attribute_t  ngx_http_dicom_qido_study[] = {
    { "00080005", "CS", -1, "ISO_IR 192" },
    { "00080020", "DA", S_DATE, NULL },
    { "00080030", "TM", S_TIME, NULL },
    { "00080050", "SH", S_ACCESSION, NULL },
    { "00080056", "CS", -1, "ONLINE" },
    { "00080061", "CS", S_MODALITIES, NULL },
    { "00080090", "PN", S_REFERRING, NULL },
    { "00081030", "LO", S_DESCRIPTION, NULL },
    { "00100010", "PN", S_NAME, NULL },
    { "00100020", "LO", S_PATIENT_ID, NULL },
    { "00100021", "LO", S_ISSUER, NULL },
    { "00100030", "DA", S_BIRTH_DATE, NULL },
    { "00100040", "CS", S_SEX, NULL },
    { "0020000D", "UI", S_UID, NULL },
    { "00200010", "SH", S_ID, NULL },
    { "00201206", "IS", S_SERIES, NULL },
    { "00201208", "IS", S_INSTANCES, NULL },
    { NULL, NULL, 0, NULL }
};

static const ngx_http_dicom_attribute_t  ngx_http_dicom_qido_a_series[] = {
    { "00080005", "CS", -1, "ISO_IR 192" },
    { "00080056", "CS", -1, "ONLINE" },
    { "00080060", "CS", E_MODALITY, NULL },
    { "0008103E", "LO", E_DESCRIPTION, NULL },
    { "00180015", "CS", E_BODY_PART, NULL },
    { "0020000D", "UI", E_STUDY, NULL },
    { "0020000E", "UI", E_UID, NULL },
    { "00200011", "IS", E_NUMBER, NULL },
    { "00201209", "IS", E_INSTANCES, NULL },
    { NULL, NULL, 0, NULL }
};

static const ngx_http_dicom_attribute_t  ngx_http_dicom_qido_instance[] = {
    { "00080005", "CS", -1, "ISO_IR 192" },
    { "00080016", "UI", I_SOP_CLASS, NULL },
    { "00080018", "UI", I_UID, NULL },
    { "00080056", "CS", -1, "ONLINE" },
    { "00083002", "UI", I_SYNTAX, NULL },
    { "0020000D", "UI", I_STUDY, NULL },
    { "0020000E", "UI", I_SERIES, NULL },
    { "00200013", "IS", I_NUMBER, NULL },
    { "00280008", "IS", I_FRAMES, NULL },
    { "00280010", "US", I_HEIGHT, NULL },
    { "00280011", "US", I_WIDTH, NULL },
    { NULL, NULL, 0, NULL }
};

static const ngx_http_dicom_attribute_t  ngx_http_dicom_qido_any_series[] = {
    { "00080005", "CS", -1, "ISO_IR 192" },
    { "00080020", "DA", E_OF_STUDY + O_DATE, NULL },
    { "00080030", "TM", E_OF_STUDY + O_TIME, NULL },
    { "00080050", "SH", E_OF_STUDY + O_ACCESSION, NULL },
    { "00080056", "CS", -1, "ONLINE" },
    { "00080060", "CS", E_MODALITY, NULL },
    { "00080090", "PN", E_OF_STUDY + O_REFERRING, NULL },
    { "00081030", "LO", E_OF_STUDY + O_DESCRIPTION, NULL },
    { "0008103E", "LO", E_DESCRIPTION, NULL },
    { "00100010", "PN", E_OF_STUDY + O_NAME, NULL },
    { "00100020", "LO", E_OF_STUDY + O_PATIENT_ID, NULL },
    { "00100021", "LO", E_OF_STUDY + O_ISSUER, NULL },
    { "00100030", "DA", E_OF_STUDY + O_BIRTH_DATE, NULL },
    { "00100040", "CS", E_OF_STUDY + O_SEX, NULL },
    { "00180015", "CS", E_BODY_PART, NULL },
    { "0020000D", "UI", E_STUDY, NULL },
    { "0020000E", "UI", E_UID, NULL },
    { "00200010", "SH", E_OF_STUDY + O_ID, NULL },
    { "00200011", "IS", E_NUMBER, NULL },
    { "00201209", "IS", E_INSTANCES, NULL },
    { NULL, NULL, 0, NULL }
};

static const ngx_http_dicom_attribute_t  ngx_http_dicom_qido_any_instance[] = {
    { "00080005", "CS", -1, "ISO_IR 192" },
    { "00080016", "UI", I_SOP_CLASS, NULL },
    { "00080018", "UI", I_UID, NULL },
    { "00080020", "DA", I_OF_STUDY + O_DATE, NULL },
    { "00080030", "TM", I_OF_STUDY + O_TIME, NULL },
    { "00080050", "SH", I_OF_STUDY + O_ACCESSION, NULL },
    { "00080056", "CS", -1, "ONLINE" },
    { "00080060", "CS", F_MODALITY, NULL },
    { "00080090", "PN", I_OF_STUDY + O_REFERRING, NULL },
    { "00081030", "LO", I_OF_STUDY + O_DESCRIPTION, NULL },
    { "0008103E", "LO", F_DESCRIPTION, NULL },
    { "00083002", "UI", I_SYNTAX, NULL },
    { "00100010", "PN", I_OF_STUDY + O_NAME, NULL },
    { "00100020", "LO", I_OF_STUDY + O_PATIENT_ID, NULL },
    { "00100021", "LO", I_OF_STUDY + O_ISSUER, NULL },
    { "00100030", "DA", I_OF_STUDY + O_BIRTH_DATE, NULL },
    { "00100040", "CS", I_OF_STUDY + O_SEX, NULL },
    { "0020000D", "UI", I_STUDY, NULL },
    { "0020000E", "UI", I_SERIES, NULL },
    { "00200010", "SH", I_OF_STUDY + O_ID, NULL },
    { "00200011", "IS", F_NUMBER, NULL },
    { "00200013", "IS", I_NUMBER, NULL },
    { "00280008", "IS", I_FRAMES, NULL },
    { "00280010", "US", I_HEIGHT, NULL },
    { "00280011", "US", I_WIDTH, NULL },
    { NULL, NULL, 0, NULL }
};


ngx_int_t
ngx_http_dicom_qido_studies(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    const char                  *modality, *description, *referring, *id;
    const char *const           *args;
    ngx_dicom_db_query_t        *q;
    ngx_http_dicom_qido_t       *qido;
    ngx_http_dicom_qido_keys_t   keys;

    args = ngx_http_dicom_qido_study_args;

    qido = ngx_http_dicom_qido_create(r, ngx_http_dicom_qido_study);
    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (qido == NULL || q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    qido->path[0] = S_UID;

    rc = ngx_http_dicom_qido_prepare(r, qido, args, 0);

    if (rc != NGX_OK
        || (rc = ngx_http_dicom_qido_of_study(r, args, &keys)) != NGX_OK
        || (rc = ngx_http_dicom_qido_text(r, args, "ModalitiesInStudy",
                                          &modality))
           != NGX_OK
        || (rc = ngx_http_dicom_qido_pattern(r, args, "StudyDescription",
                                             &description))
           != NGX_OK
        || (rc = ngx_http_dicom_qido_pattern(r, args, "ReferringPhysicianName",
                                             &referring))
           != NGX_OK
        || (rc = ngx_http_dicom_qido_pattern(r, args, "StudyID", &id))
           != NGX_OK)
    {
        return rc;
    }

    /* "~" and "" stand above the first row of the newest-first list */

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_QIDO_STUDIES, 15, keys.from,
                          keys.to, modality, "~", "", qido->rows, keys.studies,
                          keys.patient, keys.accession, keys.name, description,
                          referring, id, keys.time_from, keys.time_to)
        == NULL
        || ngx_http_dicom_audit_search(r, "study-list") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    q->read_only = 1;
    q->list = 1;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_qido_done);
}


/* GET /dicom-web/studies/{uid}/series */

ngx_int_t
ngx_http_dicom_qido_series(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    const char                  *study;
    const char *const           *args;
    ngx_dicom_db_query_t        *q;
    ngx_http_dicom_qido_t       *qido;
    ngx_http_dicom_qido_keys_t   keys;

    args = ngx_http_dicom_qido_series_args;

    qido = ngx_http_dicom_qido_create(r, ngx_http_dicom_qido_a_series);
    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (qido == NULL || q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    qido->path[0] = E_STUDY;
    qido->path[1] = E_UID;

    rc = ngx_http_dicom_qido_prepare(r, qido, args, 1);

    if (rc != NGX_OK
        || (rc = ngx_http_dicom_qido_of_series(r, args, &keys)) != NGX_OK)
    {
        return rc;
    }

    study = (char *) ngx_http_dicom_ctx(r)->params[0].data;

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_QIDO_SERIES, 6, study,
                          keys.series, keys.modality, qido->rows, keys.number,
                          keys.description)
        == NULL
        || ngx_http_dicom_audit_read(r, "study-read", study, study, NULL)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_qido_done);
}


/* GET /dicom-web/series */

ngx_int_t
ngx_http_dicom_qido_all_series(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    const char *const           *args;
    ngx_dicom_db_query_t        *q;
    ngx_http_dicom_qido_t       *qido;
    ngx_http_dicom_qido_keys_t   keys;

    args = ngx_http_dicom_qido_any_series_args;

    qido = ngx_http_dicom_qido_create(r, ngx_http_dicom_qido_any_series);
    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (qido == NULL || q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    qido->path[0] = E_STUDY;
    qido->path[1] = E_UID;

    rc = ngx_http_dicom_qido_prepare(r, qido, args, 0);

    if (rc != NGX_OK
        || (rc = ngx_http_dicom_qido_of_study(r, args, &keys)) != NGX_OK
        || (rc = ngx_http_dicom_qido_of_series(r, args, &keys)) != NGX_OK)
    {
        return rc;
    }

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_QIDO_ALL_SERIES, 13, keys.studies,
                          keys.series, keys.modality, qido->rows, keys.number,
                          keys.description, keys.from, keys.to, keys.patient,
                          keys.accession, keys.name, keys.time_from,
                          keys.time_to)
        == NULL
        || ngx_http_dicom_audit_search(r, "study-list") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    q->read_only = 1;
    q->list = 1;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_qido_done);
}


/* GET /dicom-web/studies/{uid}/series/{uid}/instances */

ngx_int_t
ngx_http_dicom_qido_instances(ngx_http_request_t *r)
{
    return ngx_http_dicom_qido_instances_of(r, 2);
}


/* GET /dicom-web/studies/{uid}/instances */

ngx_int_t
ngx_http_dicom_qido_study_instances(ngx_http_request_t *r)
{
    return ngx_http_dicom_qido_instances_of(r, 1);
}


static ngx_int_t
ngx_http_dicom_qido_instances_of(ngx_http_request_t *r, ngx_uint_t nparams)
{
    ngx_int_t               rc;
    const char             *uids, *class, *number, *study, *series;
    const char *const      *args;
    ngx_dicom_db_query_t   *q;
    ngx_http_dicom_qido_t  *qido;

    args = ngx_http_dicom_qido_instance_args;

    qido = ngx_http_dicom_qido_create(r, ngx_http_dicom_qido_instance);
    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (qido == NULL || q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    qido->path[0] = I_STUDY;
    qido->path[1] = I_SERIES;
    qido->path[2] = I_UID;

    rc = ngx_http_dicom_qido_prepare(r, qido, args, nparams);

    if (rc != NGX_OK
        || (rc = ngx_http_dicom_qido_of_instance(r, args, &uids, &class,
                                                 &number))
           != NGX_OK)
    {
        return rc;
    }

    study = (char *) ngx_http_dicom_ctx(r)->params[0].data;
    series = (nparams == 2) ? (char *) ngx_http_dicom_ctx(r)->params[1].data
                            : NULL;

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_QIDO_INSTANCES, 6, study, series,
                          uids, qido->rows, number, class)
        == NULL
        || ngx_http_dicom_audit_read(r, series ? "series-read" : "study-read",
                                     series ? series : study, study, NULL)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_qido_done);
}


/* GET /dicom-web/instances */

ngx_int_t
ngx_http_dicom_qido_all_instances(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    const char                  *uids, *class, *number;
    const char *const           *args;
    ngx_dicom_db_query_t        *q;
    ngx_http_dicom_qido_t       *qido;
    ngx_http_dicom_qido_keys_t   keys;

    args = ngx_http_dicom_qido_any_instance_args;

    qido = ngx_http_dicom_qido_create(r, ngx_http_dicom_qido_any_instance);
    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (qido == NULL || q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    qido->path[0] = I_STUDY;
    qido->path[1] = I_SERIES;
    qido->path[2] = I_UID;

    rc = ngx_http_dicom_qido_prepare(r, qido, args, 0);

    if (rc != NGX_OK
        || (rc = ngx_http_dicom_qido_of_study(r, args, &keys)) != NGX_OK
        || (rc = ngx_http_dicom_qido_of_series(r, args, &keys)) != NGX_OK
        || (rc = ngx_http_dicom_qido_of_instance(r, args, &uids, &class,
                                                 &number))
           != NGX_OK)
    {
        return rc;
    }

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_QIDO_ALL_INSTANCES, 15,
                          keys.studies, uids, class, qido->rows, number,
                          keys.description, keys.from, keys.to, keys.patient,
                          keys.accession, keys.name, keys.time_from,
                          keys.time_to, keys.series, keys.modality)
        == NULL
        || ngx_http_dicom_audit_search(r, "study-list") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    q->read_only = 1;
    q->list = 1;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_qido_done);
}


static ngx_http_dicom_qido_t *
ngx_http_dicom_qido_create(ngx_http_request_t *r,
    const ngx_http_dicom_attribute_t *attributes)
{
    ngx_http_dicom_qido_t  *qido;

    qido = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_qido_t));
    if (qido == NULL) {
        return NULL;
    }

    qido->attributes = attributes;
    qido->path[1] = -1;
    qido->path[2] = -1;

    ngx_http_dicom_ctx(r)->data = qido;

    return qido;
}


/* What all searches have: arguments, an answer that the client takes, UIDs
   in the path, a page. */

static ngx_int_t
ngx_http_dicom_qido_prepare(ngx_http_request_t *r,
    ngx_http_dicom_qido_t *qido, const char *const *names, ngx_uint_t nparams)
{
    ngx_int_t    rc;
    ngx_uint_t   i;

    qido->names = names;

    if (ngx_http_dicom_accept_json(r) == NULL) {
        return ngx_http_dicom_problem(r, 406, "not-acceptable",
                                      "What was found is sent as "
                                      "application/dicom+json.", NULL);
    }

    for (i = 0; i < nparams; i++) {
        if (ngx_dicom_uid_check(&ngx_http_dicom_ctx(r)->params[i]) != NGX_OK) {
            return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST,
                                          "invalid-uid",
                                          "The path holds what is no UID.",
                                          NULL);
        }
    }

    rc = ngx_http_dicom_qido_page(r, &qido->limit, &qido->offset);
    if (rc != NGX_OK) {
        return rc;
    }

    /* one more row tells whether that is all */

    (void) snprintf(qido->rows, sizeof(qido->rows), "%lu",
                    (unsigned long) (qido->offset + qido->limit + 1));

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_qido_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    int                       row, last;
    PGresult                 *res;
    ngx_str_t                 json;
    ngx_dicom_db_step_t      *steps;
    ngx_http_dicom_qido_t    *qido;
    ngx_dicom_json_writer_t  *w;

    if (q->status != NGX_DICOM_DB_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    qido = ngx_http_dicom_ctx(r)->data;
    steps = q->steps.elts;
    res = steps[0].result;

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    last = ngx_min(PQntuples(res), (int) (qido->offset + qido->limit));

    if (ngx_http_dicom_qido_warn(r, qido->names, last < PQntuples(res))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_dicom_json_array(w);

    for (row = (int) qido->offset; row < last; row++) {
        ngx_dicom_json_object(w);
        ngx_http_dicom_qido_write(r, w, res, row);
        ngx_dicom_json_end_object(w);
    }

    ngx_dicom_json_end_array(w);

    if (ngx_dicom_json_finish(w, &json) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_reply_text(r, NGX_HTTP_OK,
                                     ngx_http_dicom_accept_json(r), &json);
}


static void
ngx_http_dicom_qido_write(ngx_http_request_t *r, ngx_dicom_json_writer_t *w,
    PGresult *res, int row)
{
    ngx_uint_t                         url;
    const ngx_http_dicom_qido_t       *qido;
    const ngx_http_dicom_attribute_t  *a;

    qido = ngx_http_dicom_ctx(r)->data;
    url = 0;

    for (a = qido->attributes; a->tag; a++) {

        /* in the order of the tags */

        if (!url && ngx_strcmp(a->tag, "00081190") > 0) {
            ngx_http_dicom_qido_url(r, w, res, row);
            url = 1;
        }

        ngx_http_dicom_write_attribute(w, a->tag, a->vr, a->column == -1
                                       ? a->value
                                       : PQgetvalue(res, row, a->column));
    }
}


/* Where WADO-RS has it, if the server was told where its node is. */

static void
ngx_http_dicom_qido_url(ngx_http_request_t *r, ngx_dicom_json_writer_t *w,
    PGresult *res, int row)
{
    u_char                 *p, *last, url[1024 + 3 * 64
                                + sizeof("/dicom-web/studies//series//"
                                         "instances/")];
    ngx_str_t              *node;
    ngx_uint_t              i;
    ngx_http_dicom_qido_t  *qido;

    static const char *const  levels[] = { "studies", "series", "instances" };

    qido = ngx_http_dicom_ctx(r)->data;
    node = &ngx_http_dicom_srv_conf(r)->conf->node_url;

    if (node->len == 0) {
        return;
    }

    last = url + sizeof(url) - 1;
    p = ngx_snprintf(url, last - url, "%V/dicom-web", node);

    for (i = 0; i < 3 && qido->path[i] != -1; i++) {
        p = ngx_snprintf(p, last - p, "/%s/%s", levels[i],
                         PQgetvalue(res, row, qido->path[i]));
    }

    *p = '\0';

    ngx_http_dicom_write_attribute(w, "00081190", "UR", (char *) url);
}


/*
 * The words that reports are found by.
 *
 * Who finalises a report or adds to it writes them in the same transaction.  So
 * only final reports of before there was a search lack them: a facility server
 * looks for those when it starts, and stops when there are no more.
 */


#include "ngx_http_dicom_report.h"
#include "ngx_dicom_fold.h"


#define NGX_HTTP_DICOM_WORDS_BATCH  20
#define NGX_HTTP_DICOM_WORDS_LATER  60000     /* when it could not be done */


/* columns of REPORT_WORDLESS */
enum { W_REPORT = 0, W_TEXT, W_ADDENDA };


typedef struct {
    ngx_http_dicom_srv_conf_t  *dscf;
    ngx_event_t                 timer;
    ngx_pool_t                 *pool;      /* of one batch */
    int                         found;
} ngx_http_dicom_words_t;


static void ngx_http_dicom_words_timer(ngx_event_t *ev);
static void ngx_http_dicom_words_again(ngx_http_dicom_words_t *words,
    ngx_msec_t delay);
static ngx_int_t ngx_http_dicom_words_find(ngx_http_dicom_words_t *words);
static void ngx_http_dicom_words_found(ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_words_write(ngx_http_dicom_words_t *words,
    PGresult *res);
static ngx_int_t ngx_http_dicom_words_report(ngx_http_dicom_words_t *words,
    ngx_dicom_db_query_t *q, PGresult *res, int row);
static void ngx_http_dicom_words_written(ngx_dicom_db_query_t *q);


const char *
ngx_http_dicom_report_words(ngx_pool_t *pool, const ngx_str_t *text,
    ngx_uint_t all)
{
    ngx_str_t    *word;
    ngx_array_t   words;

    if (ngx_array_init(&words, pool, 64, sizeof(ngx_str_t)) != NGX_OK) {
        return NULL;
    }

    if (all) {
        word = ngx_array_push(&words);
        if (word == NULL) {
            return NULL;
        }

        ngx_str_set(word, "");
    }

    if (ngx_dicom_fold(pool, text, &words) == NGX_ERROR) {
        return NULL;
    }

    return ngx_dicom_db_text_array(pool, words.elts, words.nelts);
}


ngx_int_t
ngx_http_dicom_report_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                   i;
    ngx_http_dicom_words_t      *words;
    ngx_http_dicom_srv_conf_t  **dscf;
    ngx_http_dicom_main_conf_t  *dmcf;

    dmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_dicom_module);

    if (dmcf == NULL || ngx_worker != 0) {
        return NGX_OK;
    }

    dscf = dmcf->servers.elts;

    for (i = 0; i < dmcf->servers.nelts; i++) {

        if (dscf[i]->conf->type != NGX_DICOM_FACILITY) {
            continue;
        }

        words = ngx_pcalloc(cycle->pool, sizeof(ngx_http_dicom_words_t));
        if (words == NULL) {
            return NGX_ERROR;
        }

        words->dscf = dscf[i];
        words->timer.handler = ngx_http_dicom_words_timer;
        words->timer.data = words;
        words->timer.log = cycle->log;
        words->timer.cancelable = 1;

        ngx_http_dicom_words_again(words, 1);
    }

    return NGX_OK;
}


/* A batch owns its memory; what is left of the last one goes now. */

static void
ngx_http_dicom_words_timer(ngx_event_t *ev)
{
    ngx_http_dicom_words_t  *words = ev->data;

    if (words->pool) {
        ngx_destroy_pool(words->pool);
    }

    words->pool = ngx_create_pool(4096, ngx_cycle->log);

    if (words->pool == NULL || ngx_http_dicom_words_find(words) != NGX_OK) {
        ngx_http_dicom_words_again(words, NGX_HTTP_DICOM_WORDS_LATER);
    }
}


static void
ngx_http_dicom_words_again(ngx_http_dicom_words_t *words, ngx_msec_t delay)
{
    if (ngx_exiting || ngx_terminate) {
        return;
    }

    ngx_add_timer(&words->timer, delay);
}


static ngx_int_t
ngx_http_dicom_words_find(ngx_http_dicom_words_t *words)
{
    u_char                 limit[NGX_INT_T_LEN + 1];
    ngx_dicom_db_query_t  *q;

    (void) ngx_sprintf(limit, "%d%Z", NGX_HTTP_DICOM_WORDS_BATCH);

    q = ngx_dicom_db_query(words->pool, ngx_cycle->log);

    if (q == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_WORDLESS, 1,
                             (char *) limit)
           == NULL)
    {
        return NGX_ERROR;
    }

    q->read_only = 1;
    q->handler = ngx_http_dicom_words_found;
    q->data = words;

    return ngx_dicom_db_run(words->dscf->db, q);
}


static void
ngx_http_dicom_words_found(ngx_dicom_db_query_t *q)
{
    PGresult                *res;
    ngx_dicom_db_step_t     *steps;
    ngx_http_dicom_words_t  *words = q->data;

    steps = q->steps.elts;
    res = steps[0].result;

    if (q->status != NGX_DICOM_DB_OK || res == NULL) {
        ngx_http_dicom_words_again(words, NGX_HTTP_DICOM_WORDS_LATER);
        return;
    }

    words->found = PQntuples(res);

    if (words->found != 0
        && ngx_http_dicom_words_write(words, res) != NGX_OK)
    {
        ngx_http_dicom_words_again(words, NGX_HTTP_DICOM_WORDS_LATER);
    }
}


static ngx_int_t
ngx_http_dicom_words_write(ngx_http_dicom_words_t *words, PGresult *res)
{
    int                    row;
    ngx_dicom_db_query_t  *q;

    q = ngx_dicom_db_query(words->pool, ngx_cycle->log);
    if (q == NULL) {
        return NGX_ERROR;
    }

    for (row = 0; row < words->found; row++) {
        if (ngx_http_dicom_words_report(words, q, res, row) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    q->handler = ngx_http_dicom_words_written;
    q->data = words;

    return ngx_dicom_db_run(words->dscf->db, q);
}


static ngx_int_t
ngx_http_dicom_words_report(ngx_http_dicom_words_t *words,
    ngx_dicom_db_query_t *q, PGresult *res, int row)
{
    u_char      *p;
    ngx_str_t    text;
    const char  *array;

    text.len = PQgetlength(res, row, W_TEXT) + 1
               + PQgetlength(res, row, W_ADDENDA);

    p = ngx_pnalloc(words->pool, text.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text.data = p;
    (void) ngx_sprintf(p, "%s %s%Z", PQgetvalue(res, row, W_TEXT),
                       PQgetvalue(res, row, W_ADDENDA));

    array = ngx_http_dicom_report_words(words->pool, &text, 1);

    return array && ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_WORDS, 2,
                                      PQgetvalue(res, row, W_REPORT), array)
           ? NGX_OK : NGX_ERROR;
}


/* Fewer than were asked for: these were the last ones. */

static void
ngx_http_dicom_words_written(ngx_dicom_db_query_t *q)
{
    ngx_http_dicom_words_t  *words = q->data;

    if (q->status != NGX_DICOM_DB_OK) {
        ngx_http_dicom_words_again(words, NGX_HTTP_DICOM_WORDS_LATER);

    } else if (words->found == NGX_HTTP_DICOM_WORDS_BATCH) {
        ngx_http_dicom_words_again(words, 1);
    }
}

/* The Query services of the lake: STS, as far as clients ask who they are (Terraform, SDKs). */
#include "lake/route.h"

static void get_caller_identity(kn_lake *lake, const char *form, kn_http_response *response) {
    (void)form;
    char id[37];
    kn_route_request_id(id);
    const char *account = kn_lake_account(lake);
    kn_buf_printf(&response->body,
                  "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
                  "<GetCallerIdentityResult><Arn>arn:aws:iam::%s:root</Arn><UserId>%s</UserId>"
                  "<Account>%s</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>"
                  "%s</RequestId></ResponseMetadata></GetCallerIdentityResponse>",
                  account, account, account, id);
}

static const struct {
    const char *action;
    void (*run)(kn_lake *lake, const char *form, kn_http_response *response);
} actions[] = {
    {"GetCallerIdentity", get_caller_identity},
};

bool kn_query_answer(kn_lake *lake, const char *action, const char *form,
                     kn_http_response *response) {
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i].action, action) == 0) {
            actions[i].run(lake, form, response);
            return true;
        }
    return false;
}

// The steps of the access phase, shared between the files that hold them: access.cpp (the machine),
// caller/authenticate.cpp and caller/authenticate_token.cpp (who is calling) and authorise.cpp (which
// connection, and may they). A step returns
//
//   NGX_OK      done: access.step names the next one
//   NGX_AGAIN   a lookup is under way, which runs the phases again
//   NGX_DONE    the request was answered
//   NGX_ERROR   out of memory
#pragma once

#include "ngx_module/access/access.h"
#include "ngx_module/answer/errors.h"
#include "ngx_module/lookup/lookup.h"

namespace nexus::edge::steps {

ngx_int_t authenticate(Access &access);             // Step::kAuthenticate
ngx_int_t judge_issuer(Access &access);             // Step::kIssuer
ngx_int_t judge_newer_keys(Access &access);         // Step::kIssuerKeys
ngx_int_t identify(Access &access);                 // Step::kCaller
ngx_int_t resolve(Access &access);                  // Step::kResolve
ngx_int_t authorise(Access &access);                // Step::kToken
ngx_int_t after_connection_limits(Access &access);  // Step::kConnectionLimits, once they let it through
ngx_int_t after_refresh(Access &access);            // Step::kRefresh

/// Judges the records once more if the request has waited since they were judged; after Step::kAuthorised,
/// before anything is handed out. NGX_AGAIN: access.go_on will be called, and has to end up here again.
/// returns as a step
ngx_int_t look_again(Access &access);

/// Parts of Step::kAuthenticate. returns as a step, with the next one set
ngx_int_t find_by_token(Access &access, std::string_view token);
/// Looks the caller record up: of a key, or of an identity.
ngx_int_t find_caller(Access &access, std::string_view sha256_hex);
/// Refuses what was presented (access.method is set) and counts it against the client's address.
/// why  for the log; never what was presented
ngx_int_t refuse_caller(Access &access, std::string_view why);
/// Refuses, because the address has failed too often (access.wait_s).
ngx_int_t refuse_limited(Access &access);

/// Does the location use a connection, and not only authenticate?
bool needs_token(const LocConf &conf) noexcept;

/// Answers from the access phase: finalised here, so that neither `satisfy` nor error_page bends the answer.
/// returns NGX_DONE
ngx_int_t refuse(Access &access, const Refusal &refusal);
ngx_int_t refuse(Access &access, Errc errc);

/// returns NGX_OK: the outcome is there; NGX_AGAIN; NGX_ERROR
ngx_int_t look_up(Access &access, Lookup &lookup);

void count_lookup(const Lookup &lookup);

}  // namespace nexus::edge::steps

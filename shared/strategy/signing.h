// Strategies whose credential is not sent: it signs the request (hmac_payload, aws_sigv4, oauth1), or is sent
// with a signature beside it (oauth2 with a token that is bound to a key). What is signed is what is sent:
// they take the request's head as nginx has serialised it, after every rewrite.
#pragma once

#include <functional>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/clock.h"
#include "shared/jose/dpop_key.h"
#include "shared/record/token_record.h"
#include "shared/result.h"
#include "shared/sigv4/chunk_signer.h"
#include "shared/sigv4/signing_key.h"

namespace nexus::strategy {

bool is_signing(const record::TokenView &record) noexcept;
/// oauth2 whose token is good with a proof of its key only (RFC 9449).
bool is_dpop_bound(const record::TokenView &record) noexcept;
/// application/x-www-form-urlencoded: oauth1 signs what is in it.
bool is_form(std::string_view content_type) noexcept;

/// Feeds the body's bytes, in order, to what it is given. false: they could not be read
using Body = std::function<bool(const std::function<void(std::string_view)> &take)>;
/// The key for a day and a scope; may be kept by whoever gives it.
using SigningKeys = std::function<sigv4::SigningKey(std::string_view secret_key, std::string_view date,
                                                    const sigv4::Scope &scope)>;

/// The key that a private JWK is; may be kept by whoever gives it. errors kInvalidKey
using DpopKeys = std::function<Result<std::shared_ptr<const jose::DpopKey>>(std::string_view private_jwk)>;
Result<std::shared_ptr<const jose::DpopKey>> parse_dpop_key(std::string_view private_jwk);

struct RequestToSign {
    std::string_view head;  // request line to blank line, without what the signature brings
    Body body;              // for hmac_payload, and for oauth1 if it is a form
    /// For aws_sigv4: hexadecimal digits, or a word that AWS takes in their place.
    std::string_view payload_hash;
    UnixMs now = 0;
    uint64_t body_bytes = 0;
    bool is_tls = false;
    std::string_view unique = {};      // for oauth1 (nonce) and DPoP (jti): hexadecimal, in no request before
    std::string_view dpop_nonce = {};  // the server's newest; "" = none known
    /// For the signature, which it outlives, and for what is made on the way: where a secret must not stay,
    /// WipedScratch.
    std::pmr::memory_resource *scratch = std::pmr::get_default_resource();
};

/// What a location says beside the record: it goes before the record's own.
struct SigningChoice {
    std::string_view region;   // "" = the record's
    std::string_view service;  // "" = the record's
};

struct SignedLine {
    std::string_view name;  // static text, or the record's
    std::pmr::string value;
};

/// What makes a request a signed one.
struct Signature {
    std::pmr::vector<SignedLine> set;  // in place of any line of that name; the first is the signature
    std::pmr::string bare;             // the signature without what names it, as complaints quote it
    std::span<const std::string_view> remove = {};  // names of lines that must not be there; static text
    std::optional<sigv4::ChunkSeed> seed = {};      // where payload_hash says that chunks are signed
};

/// A record of oauth2 must be is_dpop_bound.
/// errors  kStrategyFailed  not active, another strategy, missing config or credential, a head or a body that
///                          cannot be signed
///         kInvalidRequest, kPayloadTooLarge  oauth1: a caller's own oauth_ parameters, too many of them,
///                          a form of more than 1 MiB
/// source  members and defaults. hmac_payload: header_name (required), secret_field (api_secret), algo
/// sha256, sha1 or
///         sha512, encoding hex, base64 or base64url, value_prefix, template ("{body}") over {timestamp}
///         (Unix seconds), {timestamp_ms}, {method}, {path} (with its query) and {body}, timestamp_header.
///         aws_sigv4: service (required), region (us-east-1), credentials access_key, secret_key,
///         session_token. oauth1: signature_method (HMAC-SHA1) or HMAC-SHA256, realm, credentials
///         consumer_key, consumer_secret, token, token_secret
Result<Signature> sign_request(const record::TokenView &record, const RequestToSign &request,
                               const SigningChoice &choice = {},
                               const SigningKeys &keys = sigv4::make_signing_key,
                               const DpopKeys &dpop_keys = parse_dpop_key);

}  // namespace nexus::strategy

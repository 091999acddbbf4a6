// Dates, scopes and derived keys.
#include "shared/sigv4/signing_key.h"

#include <openssl/crypto.h>
#include <chrono>

#include "shared/crypto/digest.h"
#include "shared/encoding/character_set.h"
#include "shared/join.h"

namespace nexus::sigv4 {

namespace {

constexpr std::string_view kTerminator = "aws4_request";

/// number  below 100
char *put_two_digits(char *out, unsigned number) noexcept {
    *out++ = static_cast<char>('0' + number / 10);
    *out++ = static_cast<char>('0' + number % 10);
    return out;
}

}  // namespace

bool is_scope_name(std::string_view text) noexcept {
    static constexpr encoding::CharacterSet kCharacters{"abcdefghijklmnopqrstuvwxyz0123456789-"};
    return !text.empty() && kCharacters.covers(text);
}

std::optional<Scope> hinted_scope(std::string_view authorization) noexcept {
    constexpr std::string_view kBegin = "AWS4-HMAC-SHA256 Credential=";
    if (!authorization.starts_with(kBegin)) {
        return std::nullopt;
    }
    authorization.remove_prefix(kBegin.size());
    std::string_view credential = authorization.substr(0, authorization.find_first_of(", "));
    const auto take_last = [&credential] {
        const size_t slash = credential.rfind('/');
        const std::string_view part =
            slash == std::string_view::npos ? std::string_view{} : credential.substr(slash + 1);
        credential.remove_suffix(slash == std::string_view::npos ? credential.size() : part.size() + 1);
        return part;
    };
    const std::string_view terminator = take_last();
    const std::string_view service = take_last();
    const std::string_view region = take_last();
    const bool is_one = terminator == kTerminator && is_scope_name(service) && is_scope_name(region);
    return is_one ? std::optional(Scope{region, service}) : std::nullopt;
}

AmzDate amz_date(UnixMs time) noexcept {
    using namespace std::chrono;
    const auto instant = floor<seconds>(sys_time<milliseconds>{milliseconds{time}});
    const auto day = floor<days>(instant);
    const year_month_day date{day};
    const hh_mm_ss clock{instant - day};
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
    AmzDate made;
    char *out = put_two_digits(made.text.data(), year / 100);
    out = put_two_digits(out, year % 100);
    out = put_two_digits(out, static_cast<unsigned>(date.month()));
    out = put_two_digits(out, static_cast<unsigned>(date.day()));
    *out++ = 'T';
    out = put_two_digits(out, static_cast<unsigned>(clock.hours().count()));
    out = put_two_digits(out, static_cast<unsigned>(clock.minutes().count()));
    out = put_two_digits(out, static_cast<unsigned>(clock.seconds().count()));
    *out = 'Z';
    return made;
}

std::pmr::string credential_scope(std::string_view day, const Scope &scope,
                                  std::pmr::memory_resource *scratch) {
    return join({day, "/", scope.region, "/", scope.service, "/", kTerminator}, scratch);
}

Secret derive_signing_key(std::string_view secret_key, std::string_view date, const Scope &scope) {
    std::string first;
    first.reserve(4 + secret_key.size());
    first.append("AWS4").append(secret_key);
    crypto::Sha256 key = crypto::hmac_sha256(first, date);
    wipe(first);
    for (const std::string_view step : {scope.region, scope.service, kTerminator}) {
        key = crypto::hmac_sha256(crypto::as_view(key), step);
    }
    Secret derived{crypto::as_view(key)};
    OPENSSL_cleanse(key.data(), key.size());
    return derived;
}

SigningKey make_signing_key(std::string_view secret_key, std::string_view date, const Scope &scope) {
    return std::make_shared<crypto::HmacSha256Key>(derive_signing_key(secret_key, date, scope).view());
}

}  // namespace nexus::sigv4

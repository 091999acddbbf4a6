// Requests to sign. Input: the template of an HMAC, a session token and a request's head with its body behind it, split by
// NUL. Whatever the head is, signing says no or gives lines with which the head can be edited; the canonical forms do not
// depend on being made twice; a cookie goes on once.
#include <string>

#include "shared/http1/cookies.h"
#include "shared/sigv4/canonical.h"
#include "shared/strategy/signing.h"
#include "tests/fuzz/fuzz.h"

namespace nexus {
namespace {

using fuzz::require;

/// A record with both kinds of credentials, read through the view that the edge has.
struct Opened {
    explicit Opened(std::string strategy, std::string_view text, std::string_view session_token) {
        record::TokenRecord token;
        token.connection_id = "6b7f3c1e-2a44-4b0e-9d6f-0a1b2c3d4e5f";
        token.state = connection::State::kActive;
        token.strategy = std::move(strategy);
        token.strategy_config = {{"header_name", "X-Signature"}, {"service", "s3"}, {"template", std::string{text}}};
        token.credentials.emplace_back("api_secret", Secret{std::string_view{"secret"}});
        token.credentials.emplace_back("access_key", Secret{std::string_view{"AKID"}});
        token.credentials.emplace_back("secret_key", Secret{std::string_view{"secret"}});
        token.credentials.emplace_back("session_token", Secret{session_token});
        token.credentials.emplace_back("consumer_key", Secret{session_token});
        token.credentials.emplace_back("consumer_secret", Secret{std::string_view{"secret"}});
        payload = *record::encode_token(token);
        view = *record::TokenView::parse(record::header_of(token), payload.view());
    }

    Secret payload;
    record::TokenView view;
};

void sign(const char *strategy, std::string_view text, std::string_view session_token, std::string_view block) {
    const Opened opened(strategy, text, session_token);
    const auto size = http1::head_size(block);
    const std::string_view head = block.substr(0, size ? *size : block.size());
    strategy::RequestToSign request;
    request.head = head;
    request.body = [&](const std::function<void(std::string_view)> &take) {
        take(block.substr(head.size()));
        return true;
    };
    request.payload_hash = "UNSIGNED-PAYLOAD";
    request.now = 1'700'000'000'000;
    request.body_bytes = block.size() - head.size();
    request.unique = "nonce";
    const auto signature = strategy::sign_request(opened.view, request);
    if (!signature) {
        const Errc errc = signature.error().errc;
        require(errc == Errc::kStrategyFailed || errc == Errc::kInvalidRequest || errc == Errc::kPayloadTooLarge);
        return;
    }
    require(size.has_value());
    std::vector<http1::HeaderLine> lines;
    for (const strategy::SignedLine &line : signature->set) {
        lines.push_back({line.name, line.value});
    }
    const http1::BlockEdit edit{.set = lines, .remove = signature->remove, .query = {}, .query_name = {}};
    std::string out(http1::edited_size_bound(block, edit), '\0');
    const auto edited = http1::edit_block(block, edit, out);
    require(edited.has_value());
    out.resize(*edited);
    const auto again = http1::head_size(out);
    require(again && std::string_view{out}.substr(*again) == block.substr(*size));
}

void forms(std::string_view block) {
    const auto head = http1::parse_head(block);
    if (!head) {
        return;
    }
    const std::string query = sigv4::canonical_query(head->request.target);
    require(sigv4::canonical_query(query) == query);
    const std::pmr::string path = sigv4::canonical_path(head->request.target, sigv4::PathStyle::kS3);
    require(sigv4::canonical_path(path, sigv4::PathStyle::kS3) == path);
    require(http1::with_cookie(*head, "sid", "value").ends_with("sid=value"));
}

}  // namespace
}  // namespace nexus

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::string_view rest = nexus::fuzz::as_text(data, size);
    const std::string_view text = nexus::fuzz::take_part(rest);
    const std::string_view session_token = nexus::fuzz::take_part(rest);
    nexus::sign("hmac_payload", text, session_token, rest);
    nexus::sign("aws_sigv4", text, session_token, rest);
    nexus::sign("oauth1", text, session_token, rest);
    nexus::forms(rest);
    return 0;
}

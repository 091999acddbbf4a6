// nexusctl's way to nexusd: see client.h.
#include "control_plane/cli/client.h"

#include <algorithm>
#include <cstdlib>

#include "shared/crypto/keyring.h"

namespace nexus::control::cli {

namespace {

// The operator names the address, so every network may be reached.
HttpClientOptions options() {
    HttpClientOptions out;
    for (std::string_view network : {"0.0.0.0/0", "::/0"}) {
        if (Result<net::Cidr> cidr = net::Cidr::parse(network)) {
            out.allowed_private.push_back(*cidr);
        }
    }
    out.total_timeout = std::chrono::milliseconds{60000};
    out.max_response_bytes = 16 * 1024 * 1024;
    if (const char *file = std::getenv("NEXUS_CA_FILE")) {
        out.ca_file = file;
    }
    return out;
}

std::string sentence_of(const json::Value &body, int status) {
    std::string message{body.get("message").as_string()};
    std::string_view detail = body.get("detail").as_string();
    if (message.empty()) {
        return "the answer was status " + std::to_string(status);
    }
    return detail.empty() || message.find(detail) != std::string::npos
               ? message
               : message + " (" + std::string{detail} + ")";
}

// RFC 8288, as nexusd writes it: </path?query>; rel="next". Whatever else stands there is nobody's next page.
std::string next_page(std::string_view link) {
    constexpr std::string_view kEnd = ">; rel=\"next\"";
    return link.starts_with("</") && link.ends_with(kEnd)
               ? std::string{link.substr(1, link.size() - kEnd.size() - 1)}
               : std::string{};
}

}  // namespace

Client::Client(std::string url, Secret api_key)
    : url_(std::move(url)), api_key_(std::move(api_key)), http_(options()) {
    while (url_.ends_with('/')) {
        url_.pop_back();
    }
}

Result<Client::Answer> Client::call(std::string_view method, const std::string &path,
                                    const json::Value *body) const {
    HttpRequest request;
    request.method = method;
    request.url = url_ + path;
    request.user_agent = "nexusctl";
    request.secret_headers.emplace_back("X-API-Key", api_key_.clone());
    if (body != nullptr) {
        request.body = body->dump();
        request.content_type = "application/json";
    }
    Result<HttpResponse> response = http_.send(request);
    if (!response) {
        const Error &why = response.error();
        return fail(Errc::kControlPlaneUnavailable,
                    "no answer from " + url_ + ": " + (why.detail.empty() ? why.message : why.detail));
    }
    Answer answer;
    answer.status = response->status;
    if (Result<json::Value> parsed = json::parse(response->body.view(), json::Limits{16 * 1024 * 1024, 16})) {
        answer.body = std::move(*parsed);
    }
    // Whatever else listens there says 200 too, and has done nothing of what was asked.
    if (answer.ok() && !answer.body.is_object() && !answer.body.is_array()) {
        return fail(Errc::kControlPlaneUnavailable, "what answers at " + url_ + " is no nexusd: status " +
                                                        std::to_string(answer.status) + " without JSON");
    }
    answer.next = next_page(response->header("link"));
    if (!answer.ok()) {
        answer.code = answer.body.get("error").as_string();
        answer.message = sentence_of(answer.body, answer.status);
    }
    return answer;
}

std::string nexus_url_from_environment() {
    const char *url = std::getenv("NEXUS_URL");
    return url != nullptr && *url != '\0' ? url : "http://127.0.0.1:8080";
}

Result<Secret> api_key_from_environment() {
    if (const char *key = std::getenv("API_KEY"); key != nullptr && *key != '\0') {
        return Secret{std::string_view{key}};
    }
    const char *file = std::getenv("API_KEY_FILE");
    if (file == nullptr || *file == '\0') {
        return fail(Errc::kInvalidKey, "set API_KEY or API_KEY_FILE to the control plane's key");
    }
    return crypto::read_secret_reference(std::string{"file:"} + file).map([](const Secret &content) {
        std::string_view text = content.view();
        size_t end = text.find_last_not_of(" \t\r\n");
        return Secret{text.substr(0, end == std::string_view::npos ? 0 : end + 1)};
    });
}

}  // namespace nexus::control::cli

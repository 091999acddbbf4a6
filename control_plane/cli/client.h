// nexusctl's way to nexusd: JSON over HTTP with the control-plane key, errors as one clear sentence.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control_plane/http/http_client.h"
#include "control_plane/json/json.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control::cli {

class Client {
public:
    /// url  of nexusd or of the nginx in front of it, without trailing slash
    Client(std::string url, Secret api_key);

    struct Answer {
        int status = 0;
        json::Value body;     // of a good answer an object or an array; of a failure null if it is no JSON
        std::string next;     // path of the next page where the answer names it in Link, as /providers does
        std::string code;     // the `error` member of a failure
        std::string message;  // the sentence for a person
        bool ok() const { return status >= 200 && status < 300; }
    };
    /// Any status is an answer. errors kControlPlaneUnavailable: nobody answered, or somebody else than
    /// nexusd
    Result<Answer> call(std::string_view method, const std::string &path,
                        const json::Value *body = nullptr) const;
    const std::string &url() const { return url_; }

private:
    std::string url_;
    Secret api_key_;
    HttpClient http_;
};

/// NEXUS_URL, or http://127.0.0.1:8080.
std::string nexus_url_from_environment();
/// API_KEY, or the content of the file that API_KEY_FILE names. errors kInvalidKey
Result<Secret> api_key_from_environment();

}  // namespace nexus::control::cli

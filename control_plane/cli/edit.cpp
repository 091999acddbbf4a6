// A write names the generation that was read, and is refused if there is another one by then.
#include "control_plane/cli/edit.h"

#include "control_plane/cli/print.h"

namespace nexus::control::cli {

namespace {

constexpr int kAttempts = 10;

int64_t generation_of(const json::Value &value) {
    return value.get("generation").as_integer();
}

}  // namespace

std::optional<json::Value> edit(
    const Client &client, const std::string &path,
    const std::function<std::optional<json::Value>(const json::Value &before)> &change) {
    std::optional<json::Value> before = expect(client.call("GET", path));
    for (int attempt = 1; before; ++attempt) {
        std::optional<json::Value> body = change(*before);
        if (!body) {
            return std::nullopt;
        }
        body->set("if_generation", generation_of(*before));
        const Result<Client::Answer> answer = client.call("PATCH", path, &*body);
        if (!answer || answer->code != "conflict" || attempt == kAttempts) {
            return expect(answer);
        }
        std::optional<json::Value> now = expect(client.call("GET", path));
        if (now && generation_of(*now) == generation_of(*before)) {
            return expect(answer);  // a conflict of another kind
        }
        before = std::move(now);
    }
    return std::nullopt;
}

}  // namespace nexus::control::cli

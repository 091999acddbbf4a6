// The beginning of a device flow: see device_authorization.h.
#include "control_plane/oauth/device_authorization.h"

#include <algorithm>

#include "control_plane/json/json.h"
#include "control_plane/url/url.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxDeviceCodeBytes = 4096;
constexpr size_t kMaxUserCodeBytes = 64;
constexpr int64_t kMaxExpiresInS = 24 * 3600;
constexpr int64_t kMaxIntervalS = 300;
constexpr int64_t kUsualIntervalS = 5;

tl::unexpected<Error> malformed(std::string_view member) {
    return fail(Errc::kProviderError,
                "the provider's device authorization has no usable " + std::string{member},
                "malformed_answer");
}

bool is_printable(std::string_view text, size_t max_bytes) {
    return !text.empty() && text.size() <= max_bytes &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

Result<DeviceAuthorization> parse_device_authorization(std::string_view text) {
    Result<json::Value> object = json::parse_object(text);
    if (!object) {
        return malformed("JSON object");
    }
    DeviceAuthorization out;
    const json::Value device_code = object->get("device_code");
    if (!is_printable(device_code.as_string(), kMaxDeviceCodeBytes)) {
        return malformed("device_code");
    }
    out.device_code = Secret{device_code.as_string()};
    out.user_code = object->get("user_code").as_string();
    if (!is_printable(out.user_code, kMaxUserCodeBytes)) {
        return malformed("user_code");
    }
    out.verification_uri = object->get("verification_uri").as_string();
    if (!parse_http_url(out.verification_uri, "verification_uri")) {
        return malformed("verification_uri");
    }
    out.verification_uri_complete = object->get("verification_uri_complete").as_string();
    if (!out.verification_uri_complete.empty() &&
        !parse_http_url(out.verification_uri_complete, "verification_uri_complete")) {
        return malformed("verification_uri_complete");
    }
    const int64_t expires_in = object->get("expires_in").as_integer();
    if (expires_in <= 0) {
        return malformed("expires_in");
    }
    out.expires_in_s = std::min(expires_in, kMaxExpiresInS);
    const int64_t interval = object->get("interval").as_integer();
    out.interval_s = interval <= 0 ? kUsualIntervalS : std::min(interval, kMaxIntervalS);
    return out;
}

Secret to_json(const DeviceAuthorization &device) {
    json::Value object = json::Value::object();
    object.set("device_code", device.device_code)
        .set("user_code", device.user_code)
        .set("verification_uri", device.verification_uri)
        .set("verification_uri_complete", device.verification_uri_complete)
        .set("expires_in", device.expires_in_s)
        .set("interval", device.interval_s);
    return object.dump();
}

}  // namespace nexus::control

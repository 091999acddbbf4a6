// nexus-sign: AWS Signature Version 4 on the command line.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "shared/sigv4/sign.h"
#include "tests/support/record-tool/json_object.h"

namespace nexus::tests {

namespace {

constexpr std::string_view kUsage = R"(usage: nexus-sign < JSON-LINES > JSON-LINES

Signs each request with AWS Signature Version 4 as the edge does. A line in: {method, target, headers ["Name: value"],
payload_hash, region, service, date (YYYYMMDDTHHMMSSZ), access_key, secret_key}. A line out: {authorization,
canonical_request}, or {error}.
)";

http1::HeaderLine header_line(std::string_view text) {
    const size_t colon = text.find(": ");
    if (colon == std::string_view::npos) {
        return {text, {}};
    }
    return {text.substr(0, colon), text.substr(colon + 2)};
}

Result<JsonPtr> sign_line(const std::string &line) {
    const Result<JsonPtr> object = parse_object(line);
    if (!object) {
        return tl::unexpected(object.error());
    }
    ObjectReader reader(object->get());
    const std::vector<std::string> lines = reader.strings("headers");
    const std::vector<http1::HeaderLine> headers = [&] {
        std::vector<http1::HeaderLine> made;
        for (const std::string &text : lines) {
            made.push_back(header_line(text));
        }
        return made;
    }();
    const std::string method = reader.string("method"), target = reader.string("target"),
                      payload_hash = reader.string("payload_hash"), region = reader.string("region"),
                      service = reader.string("service"), date = reader.string("date"),
                      access_key = reader.string("access_key");
    const Secret secret_key{reader.string("secret_key")};
    if (Result<void> finished = reader.finish(); !finished) {
        return tl::unexpected(finished.error());
    }
    if (date.size() != std::strlen("20150830T123600Z")) {
        return fail(Errc::kInvalidRequest, "date is not YYYYMMDDTHHMMSSZ");
    }

    const sigv4::Request request{method, target, headers, payload_hash};
    const sigv4::Scope scope{region, service};
    const sigv4::SigningKey key =
        sigv4::make_signing_key(secret_key.view(), std::string_view{date}.substr(0, 8), scope);
    const std::pmr::string authorization =
        sigv4::authorization(access_key, sigv4::sign(request, scope, date, key));
    JsonPtr out{json_object()};
    json_object_set_new(out.get(), "authorization", to_json(authorization).release());
    json_object_set_new(out.get(), "canonical_request",
                        to_json(sigv4::canonical_request(request, scope)).release());
    return out;
}

int run() {
    for (std::string line; std::getline(std::cin, line);) {
        const Result<JsonPtr> out = sign_line(line);
        if (!out) {
            std::cerr << "nexus-sign: " << out.error().message << '\n';
            return EXIT_FAILURE;
        }
        if (json_dumpf(out->get(), stdout, JSON_COMPACT) != 0 || std::fputc('\n', stdout) == EOF) {
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}

}  // namespace

}  // namespace nexus::tests

int main(int argc, char **) {
    if (argc > 1) {
        std::cout << nexus::tests::kUsage;
        return EXIT_SUCCESS;
    }
    return nexus::tests::run();
}

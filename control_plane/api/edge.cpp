// Routes for edges (docs/edge-protocol.md): sealed records as octets, in whatever state a connection is.
#include <algorithm>
#include <charconv>
#include <limits>
#include <string>
#include <utility>

#include "control_plane/api/api.h"
#include "control_plane/refresh/early_refresh.h"
#include "control_plane/store/connection_repository.h"
#include "shared/encoding/record_id.h"

namespace nexus::control {

namespace {

constexpr std::string_view kRecordType = "application/vnd.nexus.record";

Response record_response(std::string_view sealed) {
    return Response::bytes(200, kRecordType, sealed).with("Cache-Control", "no-store");
}

Result<Response> sealed_token(ApiContext &context, const Result<record::TokenRecord> &record) {
    if (!record) {
        return fail(record.error());
    }
    return record::seal_token(*context.config.cache_keys, *record).map([](const std::string &sealed) {
        return record_response(sealed);
    });
}

Result<std::optional<int64_t>> read_number(const Request &request, const char *name, int64_t most) {
    Result<std::optional<std::string>> text = request.query_parameter(name);
    if (!text) {
        return fail(text.error());
    }
    if (!*text) {
        return std::optional<int64_t>{};
    }
    int64_t number = 0;
    const char *end = (*text)->data() + (*text)->size();
    auto [stop, error] = std::from_chars((*text)->data(), end, number);
    if (error != std::errc{} || stop != end || number < 0 || number > most) {
        return fail(Errc::kInvalidRequest,
                    std::string("parameter ") + name + " must be a number of at most " + std::to_string(most),
                    name);
    }
    return std::optional<int64_t>{number};
}

Result<std::optional<int64_t>> read_generation(const Request &request) {
    return read_number(request, "generation", std::numeric_limits<int64_t>::max());
}

// The refresh that an edge wants ahead of the token's end: if it is due. A failure costs nobody the token
// that is still there.
void refresh_early(ApiContext &context, const Caller &caller, int64_t within_s, record::TokenRecord &record) {
    if (within_s == 0) {
        return;
    }
    const Result<store::Connection> row = store::connections::get(context.database, record.connection_id);
    if (!row || !is_due_early(*row, within_s * 1000, context.clock())) {
        return;
    }
    if (auto refreshed = context.tokens.refresh_for_edge(caller, record.connection_id, row->generation)) {
        record = std::move(*refreshed);
    }
}

Result<Response> token(ApiContext &context, const Request &request, const Caller &caller) {
    Result<std::optional<int64_t>> within_s = read_number(request, "refresh_within", kLongestEarlyS);
    if (!within_s) {
        return fail(within_s.error());
    }
    std::string id{request.path_parameter("id")};
    Result<record::TokenRecord> record = context.tokens.record_for_edge(caller, id);
    if (record) {
        refresh_early(context, caller, within_s->value_or(0), *record);
        context.drainer.offer(redis::EventKind::kToken, record->connection_id);
    }
    return sealed_token(context, record);
}

Result<Response> refresh(ApiContext &context, const Request &request, const Caller &caller) {
    Result<std::optional<int64_t>> generation = read_generation(request);
    if (!generation) {
        return fail(generation.error());
    }
    std::string id{request.path_parameter("id")};
    return sealed_token(context, context.tokens.refresh_for_edge(caller, id, *generation));
}

// 404, not 401: the edge's own key is good, the key it asks about is not known.
Response unknown_agent_key(const Request &request) {
    Response response =
        error_response(Error{Errc::kInvalidApiKey, "no agent has this key", {}, 0}, request.request_id);
    response.status = 404;
    std::erase_if(response.headers, [](const auto &header) { return header.first == "WWW-Authenticate"; });
    return response;
}

Result<Response> sealed_issuer(ApiContext &context, const Request &request, const Caller &caller,
                               const Result<record::IssuerRecord> &record) {
    if (!record) {
        return fail(record.error());
    }
    if (!record->workspace_id.empty() && !caller.may_enter(record->workspace_id)) {
        return fail(Errc::kIssuerNotFound, "there is no such issuer");
    }
    context.drainer.offer(redis::EventKind::kIssuer, request.path_parameter("issuer_sha256"));
    return record::seal_issuer(*context.config.cache_keys, *record).map([](const std::string &sealed) {
        return record_response(sealed);
    });
}

Result<std::string> read_issuer_hash(const Request &request) {
    std::string hash{request.path_parameter("issuer_sha256")};
    if (!encoding::is_sha256_hex(hash)) {
        return fail(Errc::kInvalidRequest, "the issuer's SHA-256 must be 64 lower-case hexadecimal digits");
    }
    return hash;
}

Result<Response> issuer(ApiContext &context, const Request &request, const Caller &caller) {
    const Result<std::string> hash = read_issuer_hash(request);
    return hash ? sealed_issuer(context, request, caller, context.records.issuer(*hash)) : fail(hash.error());
}

// The edge has a token whose key it lacks.
Result<Response> refresh_issuer(ApiContext &context, const Request &request, const Caller &caller) {
    const Result<std::string> hash = read_issuer_hash(request);
    if (!hash) {
        return fail(hash.error());
    }
    const Result<std::optional<int64_t>> generation = read_generation(request);
    if (!generation) {
        return fail(generation.error());
    }
    const Result<record::IssuerRecord> known = context.records.issuer(*hash);
    if (!known || (!known->workspace_id.empty() && !caller.may_enter(known->workspace_id))) {
        return sealed_issuer(context, request, caller, known);
    }
    return sealed_issuer(
        context, request, caller,
        context.issuers.look_for_keys(*hash, generation->value_or(INT64_MAX)).map(record_of));
}

Result<Response> agent(ApiContext &context, const Request &request, const Caller &caller) {
    std::string hash{request.path_parameter("key_sha256")};
    if (!encoding::is_sha256_hex(hash)) {
        return fail(Errc::kInvalidRequest, "the key's SHA-256 must be 64 lower-case hexadecimal digits");
    }
    Result<record::CallerRecord> record = context.records.caller(hash);
    const bool is_unknown =
        record ? !caller.may_enter(record->workspace_id) : record.error().errc == Errc::kInvalidApiKey;
    if (is_unknown) {
        return unknown_agent_key(request);
    }
    if (!record) {
        return fail(record.error());
    }
    context.drainer.offer(redis::EventKind::kCaller, hash);
    if (record->state == record::CallerState::kActive) {
        context.last_used.note(store::KeyTable::kAgentKeys, record->key_id);  // an edge was shown the key
    }
    return record::seal_caller(*context.config.cache_keys, *record).map([](const std::string &sealed) {
        return record_response(sealed);
    });
}

}  // namespace

Routes edge_routes(ApiContext &context) {
    auto as_it_is = [&context](const Request &request, const Caller &caller) {
        return token(context, request, caller);
    };
    auto forced = [&context](const Request &request, const Caller &caller) {
        return refresh(context, request, caller);
    };
    auto caller_record = [&context](const Request &request, const Caller &caller) {
        return agent(context, request, caller);
    };
    return {
        {"GET", "/edge/tokens/{id}", kEdge, as_it_is},
        {"POST", "/edge/tokens/{id}/refresh", kEdge, forced},
        {"GET", "/edge/agents/{key_sha256}", kEdge, caller_record},
        {"GET", "/edge/issuers/{issuer_sha256}", kEdge, bind(context, issuer)},
        {"POST", "/edge/issuers/{issuer_sha256}/refresh", kEdge, bind(context, refresh_issuer)},
    };
}

}  // namespace nexus::control

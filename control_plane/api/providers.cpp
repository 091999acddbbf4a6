// Routes of provider profiles.
#include "control_plane/api/api.h"
#include "control_plane/api/render.h"
#include "shared/encoding/hex.h"
#include "shared/encoding/percent.h"

namespace nexus::control {

namespace {

Result<std::string> provider_id(const Request &request) {
    std::string_view id = request.path_parameter("id");
    if (!encoding::is_uuid(id)) {
        return fail(Errc::kInvalidProviderId, "the provider id is not a UUID");
    }
    return encoding::to_lower_ascii(id);
}

// {"profile": {...}}, or the bare profile, as the reference implementation takes it.
Result<json::Value> read_profile(const Request &request) {
    Result<json::Value> body = request.json_body();
    if (!body) {
        return body;
    }
    if (body->get("profile").is_null()) {
        body->erase("profile");
        return body;
    }
    json::ObjectReader reader(*body);
    json::Value profile = reader.required_object("profile");
    Result<void> finished = reader.finish();
    return finished ? Result<json::Value>{std::move(profile)} : fail(finished.error());
}

json::Value changed_json(const store::Provider &provider, std::string_view message) {
    json::Value out = json::Value::object();
    out.set("id", provider.id).set("message", message);
    return out;
}

// {"profile": {...}, "id": a UUID to keep, "dry_run": true = only check}
Result<Response> create(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body = request.json_body();
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    json::Value profile = reader.required_object("profile");
    ProviderService::CreateOptions options;
    options.id = encoding::to_lower_ascii(reader.string_or("id", "", 64));
    options.dry_run = reader.boolean_or("dry_run", false);
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    if (reader.has("id") && !encoding::is_uuid(options.id)) {
        return fail(Errc::kInvalidProviderId, "member id is not a UUID", "id");
    }
    return context.providers.create(caller, profile, options).map([&](const store::Provider &provider) {
        return options.dry_run
                   ? Response::json(200, changed_json(provider, "Provider profile can be created"))
                   : Response::json(201, changed_json(provider, "Provider profile created"));
    });
}

// An array, as clients of the reference implementation expect; the next page is named in Link (RFC 8288).
Result<Response> list(ApiContext &context, const Request &request) {
    Result<Paging> paging = request.only_query_parameters({"limit", "cursor"}).and_then([&] {
        return read_paging(request, 1000);
    });
    if (!paging) {
        return fail(paging.error());
    }
    Result<store::ProviderPage> page = context.providers.list(paging->limit, paging->cursor);
    if (!page) {
        return fail(page.error());
    }
    json::Value items = json::Value::array();
    for (const store::Provider &provider : page->items) {
        json::Value item = json::Value::object();
        item.set("id", provider.id).set("name", provider.name).set("auth_type", provider.auth_type);
        items.append(std::move(item));
    }
    Response response = Response::json(200, items);
    if (page->next_cursor.empty()) {
        return response;
    }
    std::string link = "</providers?limit=" + std::to_string(paging->limit) +
                       "&cursor=" + encoding::percent_encode(page->next_cursor) + ">; rel=\"next\"";
    return std::move(response).with("Link", link);
}

json::Value metadata_entry(const store::Provider &provider) {
    json::Value out = json::Value::object();
    out.set("id", provider.id)
        .set("api_base_url", provider.api_base_url)
        .set("user_info_endpoint", provider.user_info_endpoint)
        .set("scopes", provider.scopes)
        .set("description", provider.description)
        .set("category", provider.category);
    return out;
}

// ?include=client_secret: whoever wants the secret says so.
Result<bool> wants_secret(const Request &request) {
    if (Result<void> known = request.only_query_parameters({"include"}); !known) {
        return fail(known.error());
    }
    Result<std::optional<std::string>> include = request.query_parameter("include");
    if (!include) {
        return fail(include.error());
    }
    if (*include && **include != "client_secret") {
        return fail(Errc::kInvalidRequest, "parameter include can be client_secret only", "include");
    }
    return include->has_value();
}

Result<Response> get(ApiContext &context, const Request &request, const Caller &caller) {
    Result<bool> secret_wanted = wants_secret(request);
    if (!secret_wanted) {
        return fail(secret_wanted.error());
    }
    Result<store::Provider> provider =
        provider_id(request).and_then([&](const std::string &id) { return context.providers.get(id); });
    if (!provider) {
        return fail(provider.error());
    }
    json::Value body = profile_to_json(*provider);
    if (!*secret_wanted) {
        return Response::json(200, body);
    }
    Result<std::optional<Secret>> secret = context.providers.read_secret(caller, *provider);
    if (!secret) {
        return fail(secret.error());
    }
    if (*secret) {
        body.set("client_secret", **secret);
    }
    return Response::json(200, body).with("Cache-Control", "no-store");
}

Result<Response> get_by_name(ApiContext &context, const Request &request) {
    return context.providers.get_by_name(std::string{request.path_parameter("name")})
        .map([](const store::Provider &provider) {
            return Response::json(200,
                                  json::Value::object().set("id", provider.id).set("name", provider.name));
        });
}

Response replaced_response(const ProviderService::Replaced &replaced) {
    std::string_view message = replaced.changed ? "Provider profile updated" : "Provider profile unchanged";
    json::Value body = changed_json(replaced.provider, message);
    body.set("changed", replaced.changed);
    return Response::json(200, body);
}

Result<Response> replace(ApiContext &context, const Request &request, const Caller &caller) {
    Result<std::string> id = provider_id(request);
    if (!id) {
        return fail(id.error());
    }
    Result<json::Value> profile = read_profile(request);
    if (!profile) {
        return fail(profile.error());
    }
    return context.providers.replace(caller, *id, *profile).map(replaced_response);
}

// Members to change, bare as the reference implementation takes them, or in {"profile": {...}}.
Result<Response> patch(ApiContext &context, const Request &request, const Caller &caller) {
    Result<std::string> id = provider_id(request);
    if (!id) {
        return fail(id.error());
    }
    Result<json::Value> changes = read_profile(request);
    if (!changes) {
        return fail(changes.error());
    }
    return context.providers.patch(caller, *id, *changes).map(replaced_response);
}

Result<Response> remove(ApiContext &context, const Request &request, const Caller &caller) {
    return provider_id(request)
        .and_then([&](const std::string &id) { return context.providers.remove(caller, id); })
        .map([] {
            return Response::json(200, json::Value::object().set("message", "Provider profile deleted"));
        });
}

Result<Response> remove_by_name(ApiContext &context, const Request &request, const Caller &caller) {
    return context.providers.get_by_name(std::string{request.path_parameter("name")})
        .and_then(
            [&](const store::Provider &provider) { return context.providers.remove(caller, provider.id); })
        .map([] {
            return Response::json(200, json::Value::object().set("message", "Provider profile deleted"));
        });
}

}  // namespace

Result<Response> provider_metadata(ApiContext &context, const Caller &caller) {
    Result<std::vector<store::Provider>> all = context.providers.all();
    if (!all) {
        return fail(all.error());
    }
    json::Value out = json::Value::object();
    for (const store::Provider &provider : *all) {
        if (!caller.may_use_provider(provider.name)) {
            continue;
        }
        if (!out.contains(provider.auth_type)) {
            out.set(provider.auth_type, json::Value::object());
        }
        out.get(provider.auth_type).set(provider.name, metadata_entry(provider));
    }
    return Response::json(200, out);
}

Routes provider_routes(ApiContext &context) {
    auto metadata = [&context](const Request &, const Caller &caller) {
        return provider_metadata(context, caller);
    };
    return {
        {"POST", "/providers", control(Scope::kProvidersWrite), bind(context, create)},
        {"GET", "/providers", control(Scope::kProvidersRead), bind(context, list)},
        {"GET", "/providers/metadata", control(Scope::kProvidersRead), metadata},
        {"GET", "/providers/by-name/{name}", control(Scope::kProvidersRead), bind(context, get_by_name)},
        {"DELETE", "/providers/by-name/{name}", control(Scope::kProvidersWrite),
         bind(context, remove_by_name)},
        {"GET", "/providers/{id}", control(Scope::kProvidersRead), bind(context, get)},
        {"PUT", "/providers/{id}", control(Scope::kProvidersWrite), bind(context, replace)},
        {"PATCH", "/providers/{id}", control(Scope::kProvidersWrite), bind(context, patch)},
        {"DELETE", "/providers/{id}", control(Scope::kProvidersWrite), bind(context, remove)},
        {"GET", "/v1/providers", kGateway, metadata},
        {"GET", "/v1/providers/metadata", kGateway, metadata},
        {"POST", "/v1/providers", control(Scope::kProvidersWrite), bind(context, create)},
        {"GET", "/v1/providers/{id}", control(Scope::kProvidersRead), bind(context, get)},
        {"PUT", "/v1/providers/{id}", control(Scope::kProvidersWrite), bind(context, replace)},
        {"PATCH", "/v1/providers/{id}", control(Scope::kProvidersWrite), bind(context, patch)},
        {"DELETE", "/v1/providers/{id}", control(Scope::kProvidersWrite), bind(context, remove)},
    };
}

}  // namespace nexus::control

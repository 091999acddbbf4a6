// One grant at a token endpoint, without I/O: see token_exchange.h.
#include "control_plane/oauth/token_exchange.h"

#include "control_plane/oauth/token_request.h"
#include "shared/http1/syntax.h"

namespace nexus::control {

namespace {

// The request could not be made, or nobody answered it.
TokenResponse no_answer(const Error &error) {
    switch (error.errc) {
        case Errc::kInvalidKey:
        case Errc::kCryptoFailure:
            return no_token_request("invalid_client_key");
        case Errc::kMissingFields:
        case Errc::kInvalidRequest:
            return no_token_request("missing_variable");
        default:
            return no_token_response(error);
    }
}

// Tokens came and cannot be used; what they were given for is used up.
TokenResponse unusable_tokens(std::string reason) {
    TokenResponse out = no_token_request(std::move(reason));
    out.may_be_redeemed = true;
    return out;
}

// A server that does not know DPoP ignores the proof and gives a token that anybody can use (RFC 9449 section
// 5): not what was asked for. And what is bound to no key of ours is of no use.
TokenResponse bound_as_asked(const OAuthClient &client, TokenResponse response) {
    if (response.outcome != TokenOutcome::kTokens) {
        return response;
    }
    const bool is_bound = http1::equal_ignoring_case(response.token_type, "DPoP");
    if (is_bound == client.dpop_key.empty()) {
        return unusable_tokens(is_bound ? "dpop_not_asked_for" : "dpop_not_bound");
    }
    if (is_bound) {
        response.token_type = "DPoP";
    }
    return response;
}

// What the second answer does not say stays as the first one said it. A refresh token that the first one
// brought is worth keeping whatever became of the second.
TokenResponse joined(TokenResponse first, TokenResponse second, bool is_used_up) {
    if (second.refresh_token.empty()) {
        second.refresh_token = std::move(first.refresh_token);
    }
    if (second.outcome != TokenOutcome::kTokens) {
        second.may_be_redeemed = is_used_up;
        return second;
    }
    if (second.id_token.empty()) {
        second.id_token = std::move(first.id_token);
    }
    if (!second.scope) {
        second.scope = std::move(first.scope);
    }
    second.kept.insert(second.kept.begin(), first.kept.begin(), first.kept.end());
    second.variables.merge(first.variables);
    return second;
}

// The variables that only the answer can give must be in the first one; a refresh that lacks them keeps the
// old.
TokenResponse with_variables(const OAuthProfile &profile, TokenResponse response) {
    for (const OAuthVariable &variable : profile.variables) {
        if (variable.from != OAuthVariable::From::kResponse || response.variables.contains(variable.name)) {
            continue;
        }
        if (!variable.default_value) {
            return unusable_tokens("missing_variable");
        }
        response.variables[variable.name] = *variable.default_value;
    }
    return response;
}

}  // namespace

TokenExchange::TokenExchange(std::shared_ptr<const OAuthClient> client, Kind kind, std::string url,
                             std::vector<FormField> fields, std::shared_ptr<DpopNonces> nonces, Clock clock)
    : client_(std::move(client)),
      kind_(kind),
      url_(std::move(url)),
      fields_(std::move(fields)),
      nonces_(std::move(nonces)),
      clock_(std::move(clock)),
      proof_(nonces_) {
    for (const std::string &resource : client_->profile.resources) {
        fields_.push_back(form_field("resource", resource));
    }
    if (url_.empty()) {
        end(no_token_request("missing_variable"));
    }
}

std::optional<HttpRequest> TokenExchange::next() {
    if (result_) {
        return std::nullopt;
    }
    Result<HttpRequest> request = make().and_then(
        [&](HttpRequest made) { return proof_.add_to(std::move(made), client_->dpop_key, clock_()); });
    if (!request) {
        take(no_answer(request.error()));
        return std::nullopt;
    }
    return std::move(*request);
}

Result<HttpRequest> TokenExchange::make() const {
    const OAuthProfile &profile = client_->profile;
    if (first_) {
        return chain_request(*client_, *profile.chain, first_->access_token, first_->refresh_token);
    }
    const bool is_refresh = kind_ == Kind::kRefresh;
    const NamedTexts &constants = is_refresh ? profile.refresh_params : profile.token_params;
    return token_request(*client_, url_, clone_fields(fields_), constants, clock_())
        .map([&](HttpRequest request) {
            request.is_single_shot = is_refresh && profile.reuse.use == RefreshReuse::Use::kSingleUse;
            return request;
        });
}

void TokenExchange::answer(Result<HttpResponse> response) {
    if (result_) {
        return;
    }
    if (!response) {
        return take(no_answer(response.error()));
    }
    if (proof_.wants_another_try(*response)) {
        return;
    }
    const OAuthProfile &profile = client_->profile;
    take(bound_as_asked(*client_, parse_token_response(response->status, response->body.view(),
                                                       response->retry_after_s(clock_()), profile,
                                                       first_ ? profile.chain->response : profile.response)));
}

// Of the grant's own request, or of the chain's.
void TokenExchange::take(TokenResponse response) {
    if (first_) {
        // A refresh that brought no new refresh token left the old one as it was (RFC 6749 section 6).
        const bool is_used_up = kind_ == Kind::kFirst || client_->profile.refresh_with_access_token ||
                                !first_->refresh_token.empty();
        return end(joined(std::move(*first_), std::move(response), is_used_up));
    }
    const std::optional<TokenChain> &chain = client_->profile.chain;
    const bool goes_on = chain && (kind_ == Kind::kFirst || chain->on_refresh);
    if (!goes_on || response.outcome != TokenOutcome::kTokens) {
        return end(std::move(response));
    }
    first_ = std::move(response);
    proof_ = ClientProof(nonces_);
}

void TokenExchange::end(TokenResponse response) {
    const OAuthProfile &profile = client_->profile;
    if (response.outcome == TokenOutcome::kTokens && kind_ == Kind::kFirst) {
        response = with_variables(profile, std::move(response));
    }
    if (response.outcome == TokenOutcome::kTokens && profile.refresh_with_access_token) {
        response.refresh_token = response.access_token.clone();
    }
    result_ = std::move(response);
}

TokenResponse TokenExchange::take_result() {
    return result_ ? std::move(*result_) : no_token_request("unfinished");
}

}  // namespace nexus::control

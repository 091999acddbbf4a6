// What services' tests share: see fixture.h.
#include "tests/unit/control_plane/services/fixture.h"

namespace nexus::control {

namespace {

Vault make_vault() {
    Result<crypto::Keyring> ring = crypto::Keyring::from_base64(
        {"TEST", Secret{std::string_view{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}});
    return Vault(std::make_shared<const crypto::Keyring>(std::move(*ring)));
}

}  // namespace

Result<WriteOutcome> MemoryCache::write_token(const record::TokenRecord &record) {
    if (away) {
        return fail(Errc::kCacheUnavailable, "away");
    }
    tokens.push_back(record.state);
    return WriteOutcome::kWritten;
}

Result<WriteOutcome> MemoryCache::write_caller(const record::CallerRecord &record) {
    if (away) {
        return fail(Errc::kCacheUnavailable, "away");
    }
    callers.push_back(record.state);
    return WriteOutcome::kWritten;
}

ServiceTest::ServiceTest() : vault_(make_vault()) {
    DatabaseTarget target;
    target.kind = DatabaseKind::kSqlite;
    target.path = dir_.path() + "/nexus.db";
    database_ = std::move(*store::Database::open(target));
    EXPECT_TRUE(database_->migrate());
    drainer_ = std::make_unique<OutboxDrainer>(
        *database_, cache_, [this](const store::OutboxEntry &entry) { return records_(entry); }, clock());
}

Caller ServiceTest::admin() {
    Caller caller;
    caller.kind = Caller::Kind::kControl;
    caller.actor = "key:full";
    caller.scopes = Scopes::all();
    return caller;
}

json::Value ServiceTest::parse(const std::string &text) {
    return std::move(*json::parse_object(text));
}

}  // namespace nexus::control

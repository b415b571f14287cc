BEGIN TRANSACTION;
CREATE TABLE accounts (
	username TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	tenant TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	role TEXT, 
	seed BLOB NOT NULL, 
	key_id TEXT NOT NULL, 
	wanted BOOLEAN NOT NULL, 
	renewed BOOLEAN NOT NULL, 
	installed BIGINT, 
	CONSTRAINT pk_accounts PRIMARY KEY (username)
);
INSERT INTO "accounts" VALUES('root','administrator','management','root','owner',X'726F6F74','k1',1,0,1767225721000);
INSERT INTO "accounts" VALUES('admin','administrator','default','admin','owner',X'61646D696E','k1',1,0,1767225721000);
INSERT INTO "accounts" VALUES('rita','administrator','default','rita','registrar',X'72697461','k1',1,0,1767225721000);
INSERT INTO "accounts" VALUES('vera','administrator','default','vera','viewer',X'76657261','k1',1,0,1767225721000);
INSERT INTO "accounts" VALUES('nora','administrator','north','nora','owner',X'6E6F7261','k1',1,0,1767225721000);
INSERT INTO "accounts" VALUES('default/device_confirmed-1','device','default','confirmed-1',NULL,X'0C590251E40784ECFEFA1623F02CBE86','k1',1,0,1767225721000);
INSERT INTO "accounts" VALUES('default/device_delivered-1','device','default','delivered-1',NULL,X'47CF95567D1CAF49FF279CA4B5F8EC85','k1',1,0,1767225721000);
INSERT INTO "accounts" VALUES('default/device_installed-1','device','default','installed-1',NULL,X'E9F7A21DEB06272CB50D6864EB36EA6B','k1',1,0,1767225721000);
INSERT INTO "accounts" VALUES('default/device_leaving-1','device','default','leaving-1',NULL,X'8F43482B1A91969240142E6F8BB41443','k1',0,0,NULL);
INSERT INTO "accounts" VALUES('default/device_again-1','device','default','again-1',NULL,X'28F52090E15609B77D3789EB5D018300','k1',1,1,NULL);
INSERT INTO "accounts" VALUES('default/device_plain-1','device','default','plain-1',NULL,X'AC2944B8D07CE59284C7226896BD1DD1','k1',1,0,1767225721000);
INSERT INTO "accounts" VALUES('default/device_accepted-1','device','default','accepted-1',NULL,X'4FDE627EE0F5F1BFFB4E7567E83734D4','k1',1,0,NULL);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE audit (
	number INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	tenant TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	action TEXT NOT NULL, 
	device_id TEXT, 
	outcome TEXT NOT NULL, 
	details TEXT NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (number)
);
INSERT INTO "audit" VALUES(1,1767225601000,'default','default/admin','set-option',NULL,'ok','{"key":"registration.ttl","value":31536000,"was":0}');
INSERT INTO "audit" VALUES(2,1767225601000,'management','management/root','set-option',NULL,'ok','{"key":"retry-after","value":60,"was":30}');
INSERT INTO "audit" VALUES(3,1767225601000,'default','default/admin','register','waiting-1','ok','{}');
INSERT INTO "audit" VALUES(4,1767225601000,'default','default/admin','register','waiting-token','ok','{}');
INSERT INTO "audit" VALUES(5,1767225601000,'default','default/admin','register','waiting-auto','ok','{}');
INSERT INTO "audit" VALUES(6,1767225601000,'management','management/root','register','waiting-north','ok','{}');
INSERT INTO "audit" VALUES(7,1767225601000,'default','default/admin','register','pending-1','ok','{}');
INSERT INTO "audit" VALUES(8,1767225601000,'default','default/admin','register','pending-token','ok','{}');
INSERT INTO "audit" VALUES(9,1767225601000,'default','default/admin','register','pending-key','ok','{}');
INSERT INTO "audit" VALUES(10,1767225601000,'default','default/admin','register','pending-two','ok','{}');
INSERT INTO "audit" VALUES(11,1767225601000,'default','default/admin','register','pending-five','ok','{}');
INSERT INTO "audit" VALUES(12,1767225601000,'default','default/admin','register','blocked-1','ok','{}');
INSERT INTO "audit" VALUES(13,1767225661000,'default','default/admin','accept','pending-token','TOKEN_MISMATCH','{}');
INSERT INTO "audit" VALUES(14,1767225661000,'default','default/admin','accept','blocked-1','TOKEN_MISMATCH','{}');
INSERT INTO "audit" VALUES(15,1767225661000,'default','default/admin','accept','blocked-1','TOKEN_MISMATCH','{}');
INSERT INTO "audit" VALUES(16,1767225661000,'default','default/admin','accept','blocked-1','TOKEN_MISMATCH','{}');
INSERT INTO "audit" VALUES(17,1767225661000,'default','default/admin','accept','blocked-1','TOKEN_MISMATCH','{}');
INSERT INTO "audit" VALUES(18,1767225661000,'default','default/admin','accept','blocked-1','BLOCKED','{}');
INSERT INTO "audit" VALUES(19,1767225721000,'default','default/admin','register','confirmed-1','ok','{}');
INSERT INTO "audit" VALUES(20,1767225721000,'default','default/admin','accept','confirmed-1','ok','{}');
INSERT INTO "audit" VALUES(21,1767225721000,'default','default/admin','register','delivered-1','ok','{}');
INSERT INTO "audit" VALUES(22,1767225721000,'default','default/admin','accept','delivered-1','ok','{}');
INSERT INTO "audit" VALUES(23,1767225721000,'default','default/admin','register','installed-1','ok','{}');
INSERT INTO "audit" VALUES(24,1767225721000,'default','default/admin','accept','installed-1','ok','{}');
INSERT INTO "audit" VALUES(25,1767225721000,'default','default/admin','register','leaving-1','ok','{}');
INSERT INTO "audit" VALUES(26,1767225721000,'default','default/admin','accept','leaving-1','ok','{}');
INSERT INTO "audit" VALUES(27,1767225721000,'default','default/admin','register','again-1','ok','{}');
INSERT INTO "audit" VALUES(28,1767225721000,'default','default/admin','accept','again-1','ok','{}');
INSERT INTO "audit" VALUES(29,1767225721000,'default','default/admin','register','plain-1','ok','{}');
INSERT INTO "audit" VALUES(30,1767225721000,'default','default/admin','accept','plain-1','ok','{}');
INSERT INTO "audit" VALUES(31,1767225722000,'default','default/admin','delete','leaving-1','ok','{}');
INSERT INTO "audit" VALUES(32,1767225722000,'default','default/admin','register','accepted-1','ok','{}');
INSERT INTO "audit" VALUES(33,1767225722000,'default','default/admin','accept','accepted-1','ok','{}');
INSERT INTO "audit" VALUES(34,1767225722000,'default','default/admin','delete','again-1','ok','{}');
INSERT INTO "audit" VALUES(35,1767225722000,'default','default/admin','register','again-1','ok','{}');
INSERT INTO "audit" VALUES(36,1767225722000,'default','default/admin','accept','again-1','ok','{}');
INSERT INTO "audit" VALUES(37,1767225722000,'default','default/admin','register','gone-1','ok','{}');
INSERT INTO "audit" VALUES(38,1767225722000,'default','default/admin','delete','gone-1','ok','{}');
INSERT INTO "audit" VALUES(39,1767225722000,'default','default/admin','register','waiting-1','ALREADY_REGISTERED','{}');
INSERT INTO "audit" VALUES(40,1767225722000,'default','default/admin','register','not/allowed','INVALID_ID','{}');
CREATE TABLE devices (
	id TEXT NOT NULL, 
	tenant TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	name TEXT, 
	type TEXT, 
	group_path TEXT, 
	properties TEXT NOT NULL, 
	created BIGINT NOT NULL, 
	last_info BIGINT, 
	CONSTRAINT pk_devices PRIMARY KEY (id)
);
INSERT INTO "devices" VALUES('confirmed-1','default','default/admin',NULL,NULL,NULL,'{}',1767225721000,NULL);
INSERT INTO "devices" VALUES('delivered-1','default','default/admin',NULL,NULL,NULL,'{}',1767225721000,NULL);
INSERT INTO "devices" VALUES('installed-1','default','default/admin',NULL,NULL,NULL,'{}',1767225721000,NULL);
INSERT INTO "devices" VALUES('plain-1','default','default/admin',NULL,NULL,NULL,'{}',1767225721000,NULL);
CREATE TABLE options (
	tenant TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_options PRIMARY KEY (tenant, "key")
);
INSERT INTO "options" VALUES('default','registration.ttl','31536000');
INSERT INTO "options" VALUES('management','retry-after','60');
CREATE TABLE registrations (
	id TEXT NOT NULL, 
	tenant TEXT NOT NULL, 
	rank INTEGER NOT NULL, 
	created BIGINT NOT NULL, 
	owner TEXT NOT NULL, 
	reason TEXT, 
	name TEXT, 
	type TEXT, 
	group_path TEXT, 
	properties TEXT NOT NULL, 
	token TEXT, 
	token_from_accept BOOLEAN NOT NULL, 
	token_is_long BOOLEAN NOT NULL, 
	auto_accept BOOLEAN NOT NULL, 
	wrong_calls INTEGER NOT NULL, 
	failed_attempts INTEGER NOT NULL, 
	calls BIGINT NOT NULL, 
	first_called BIGINT, 
	last_seen BIGINT, 
	token_sent BOOLEAN NOT NULL, 
	claims TEXT NOT NULL, 
	claims_overflow BOOLEAN NOT NULL, 
	accepted_claim TEXT, 
	seed BLOB, 
	key_id TEXT, 
	accepted BIGINT, 
	installed BIGINT, 
	answered_plain BIGINT, 
	delivered BIGINT, 
	confirmed BIGINT, 
	folded TEXT NOT NULL, 
	CONSTRAINT pk_registrations PRIMARY KEY (id)
);
INSERT INTO "registrations" VALUES('waiting-1','default',2,1767225601000,'default/admin',NULL,'Größe 1','meter','Group A/Group B','{"site":{"hall":7}}',NULL,0,0,0,0,0,0,NULL,NULL,0,'[]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'waiting-1
grösse 1');
INSERT INTO "registrations" VALUES('waiting-token','default',2,1767225601000,'default/admin',NULL,NULL,NULL,NULL,'{}','4ec07b371dabeb0ba4ad33b83412d77d5a00d0a66841923c771cd33cfd7cc1c9',0,1,0,0,0,1,1767225661000,1767225661000,1,'[]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'waiting-token
');
INSERT INTO "registrations" VALUES('waiting-auto','default',2,1767225601000,'default/admin',NULL,NULL,NULL,NULL,'{}','2aee270c91070b5f563b2e23cca7da9f3dfbd0d329956d964807147a9c2e4c17',0,1,1,0,0,0,NULL,NULL,0,'[]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'waiting-auto
');
INSERT INTO "registrations" VALUES('waiting-north','north',2,1767225601000,'management/root',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,0,NULL,NULL,0,'[]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'waiting-north
');
INSERT INTO "registrations" VALUES('pending-1','default',0,1767225601000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225661000,1767225661000,0,'[["8089dc06","private","abcdefghijklmnopqrstuv",null,null,"json",1767225661000]]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'pending-1
');
INSERT INTO "registrations" VALUES('pending-token','default',0,1767225601000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,1,1,1767225661000,1767225661000,1,'[["bf846681","private","abcdefghijklmnopqrstuv","3940122d8a7a07944deb3c7041b5360d90bb341f5a00bbbf0a1214dc91b6ea1f",null,"json",1767225661000]]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'pending-token
');
INSERT INTO "registrations" VALUES('pending-key','default',0,1767225601000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225661000,1767225661000,0,'[["76795ba4","private","abcdefghijklmnopqrstuv",null,"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo","json",1767225661000]]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'pending-key
');
INSERT INTO "registrations" VALUES('pending-two','default',0,1767225601000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,2,1767225661000,1767225661000,0,'[["964fc6db","plain","pending-two",null,null,"line",1767225661000],["6947a83f","private","abcdefghijklmnopqrstuv",null,null,"json",1767225661000]]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'pending-two
');
INSERT INTO "registrations" VALUES('pending-five','default',0,1767225601000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,5,1767225661000,1767225661000,1,'[["8f97a28b","private","another-client-of-a-caller-0","3aac5419981ec7b36e7b8f4c4a5005230284d85ac6f6367f6203c706239a3767",null,"json",1767225661000],["0e129f4e","private","another-client-of-a-caller-1","d47e1b902c9151b8e719ccdf0ebf2047f26f2f60c4e5745632bb8a863eaf4ff8",null,"json",1767225661000],["d62cb7a3","private","another-client-of-a-caller-2","197f4ac4d36b2d3aa2ca053752e6795ea6d64efe41bfb5167d1dcfb52fcaa249",null,"json",1767225661000],["cc2ece67","private","another-client-of-a-caller-3","d246922248771ae645e7a656a0aab5bc6b2f4abea4392cc4e6fe9341d8902496",null,"json",1767225661000]]',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'pending-five
');
INSERT INTO "registrations" VALUES('blocked-1','default',1,1767225601000,'default/admin','TOO_MANY_ATTEMPTS',NULL,NULL,NULL,'{}',NULL,0,0,0,0,5,1,1767225661000,1767225661000,1,'[["e849a93d","plain","blocked-1","5862879d3b0ebf55c223b04e9f27550ac2635353a9f58ae81982bfc498ab3aa9",null,"line",1767225661000]]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'blocked-1
');
INSERT INTO "registrations" VALUES('confirmed-1','default',3,1767225721000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225721000,1767225721000,0,'[["d70b4a99","private","abcdefghijklmnopqrstuv",null,null,"json",1767225721000]]',0,'d70b4a99',X'0C590251E40784ECFEFA1623F02CBE86','k1',1767225721000,1767225721000,NULL,1767225722000,1767225722000,'confirmed-1
');
INSERT INTO "registrations" VALUES('delivered-1','default',3,1767225721000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225721000,1767225721000,0,'[["7b3ca22f","private","abcdefghijklmnopqrstuv",null,null,"json",1767225721000]]',0,'7b3ca22f',X'47CF95567D1CAF49FF279CA4B5F8EC85','k1',1767225721000,1767225721000,NULL,1767225722000,NULL,'delivered-1
');
INSERT INTO "registrations" VALUES('installed-1','default',3,1767225721000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225721000,1767225721000,0,'[["29bca424","private","abcdefghijklmnopqrstuv",null,null,"json",1767225721000]]',0,'29bca424',X'E9F7A21DEB06272CB50D6864EB36EA6B','k1',1767225721000,1767225721000,NULL,NULL,NULL,'installed-1
');
INSERT INTO "registrations" VALUES('plain-1','default',3,1767225721000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,2,1767225721000,1767225722000,0,'[["11ea01e3","plain","plain-1",null,null,"line",1767225721000]]',0,'11ea01e3',X'AC2944B8D07CE59284C7226896BD1DD1','k1',1767225721000,1767225721000,1767225722000,NULL,NULL,'plain-1
');
INSERT INTO "registrations" VALUES('accepted-1','default',3,1767225722000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225722000,1767225722000,0,'[["5c744d5d","private","abcdefghijklmnopqrstuv",null,null,"json",1767225722000]]',0,'5c744d5d',X'4FDE627EE0F5F1BFFB4E7567E83734D4','k1',1767225722000,NULL,NULL,NULL,NULL,'accepted-1
');
INSERT INTO "registrations" VALUES('again-1','default',3,1767225722000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225722000,1767225722000,0,'[["4e995349","private","abcdefghijklmnopqrstuv",null,null,"json",1767225722000]]',0,'4e995349',X'28F52090E15609B77D3789EB5D018300','k1',1767225722000,NULL,NULL,NULL,NULL,'again-1
');
CREATE TABLE requests (
	tenant TEXT NOT NULL, 
	administrator TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	command TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	answer TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_requests PRIMARY KEY (tenant, administrator, "key")
);
INSERT INTO "requests" VALUES('default','admin','id:r-1','register','c9a82ace82cbd32bacafb538482ec4e18f8865997216c9001c112c5de54e34d8','{"command":"register","requestId":"r-1","ok":true,"result":{"created":[{"id":"waiting-1","status":"WAITING_FOR_CONNECTION","tenant":"default","name":"Größe 1","type":"meter","group":"Group A/Group B","owner":"default/admin","creationTime":"2026-01-01T00:00:01.000Z","failedAttempts":0,"calls":0,"tokenSent":false,"claimsOverflow":false,"claims":[],"autoAccept":false,"properties":{"site":{"hall":7}}}],"failed":[]}}',1767225601000);
INSERT INTO "requests" VALUES('default','admin','id:r-2','register','e3a6ab2ede4b52256cc024eaa69beeff4e8afd590c393bc72b94ee9fb2b92911','{"command":"register","requestId":"r-2","ok":false,"error":{"code":"ALREADY_REGISTERED","message":"the device waiting-1 is registered already: delete that registration to begin again"}}',1767225722000);
CREATE TABLE tallies (
	tenant TEXT NOT NULL, 
	hour BIGINT NOT NULL, 
	what TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	CONSTRAINT pk_tallies PRIMARY KEY (tenant, hour, what)
);
INSERT INTO "tallies" VALUES('default',1767225600000,'registered',18);
INSERT INTO "tallies" VALUES('default',0,'WAITING_FOR_CONNECTION',3);
INSERT INTO "tallies" VALUES('north',1767225600000,'registered',1);
INSERT INTO "tallies" VALUES('north',0,'WAITING_FOR_CONNECTION',1);
INSERT INTO "tallies" VALUES('default',1767225600000,'requested',18);
INSERT INTO "tallies" VALUES('default',0,'PENDING_ACCEPTANCE',5);
INSERT INTO "tallies" VALUES('default',1767225600000,'blocked',1);
INSERT INTO "tallies" VALUES('default',0,'BLOCKED',1);
INSERT INTO "tallies" VALUES('default',1767225600000,'accepted',8);
INSERT INTO "tallies" VALUES('default',0,'ACCEPTED',6);
INSERT INTO "tallies" VALUES('default',1767225600000,'confirmed',1);
CREATE TABLE tenants (
	id TEXT NOT NULL, 
	name TEXT, 
	created BIGINT NOT NULL, 
	CONSTRAINT pk_tenants PRIMARY KEY (id)
);
INSERT INTO "tenants" VALUES('management',NULL,1767225600000);
INSERT INTO "tenants" VALUES('default',NULL,1767225600000);
CREATE TABLE unregistered (
	id TEXT NOT NULL, 
	calls BIGINT NOT NULL, 
	first_seen BIGINT NOT NULL, 
	last_seen BIGINT NOT NULL, 
	token_sent BOOLEAN NOT NULL, 
	CONSTRAINT pk_unregistered PRIMARY KEY (id)
);
INSERT INTO "unregistered" VALUES('stranger-1',1,1767225661000,1767225661000,0);
INSERT INTO "unregistered" VALUES('stranger-2',2,1767225661000,1767225661000,1);
CREATE INDEX ix_accounts_outbox ON accounts (username) WHERE installed IS NULL;
CREATE INDEX ix_audit_device ON audit (device_id, number);
CREATE INDEX ix_audit_tenant ON audit (tenant, number);
CREATE INDEX ix_devices_tenant ON devices (tenant, id);
CREATE INDEX ix_registrations_confirmed ON registrations (confirmed) WHERE confirmed IS NOT NULL;
CREATE INDEX ix_registrations_list ON registrations (rank, created, id);
CREATE INDEX ix_registrations_tenant_list ON registrations (tenant, rank, created, id);
CREATE INDEX ix_registrations_undelivered ON registrations (installed) WHERE installed IS NOT NULL AND delivered IS NULL AND confirmed IS NULL;
CREATE INDEX ix_requests_at ON requests (at);
CREATE INDEX ix_unregistered_last_seen ON unregistered (last_seen);
COMMIT;

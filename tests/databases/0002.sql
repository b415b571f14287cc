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
	installed BIGINT, secret BLOB, details TEXT, revisit BOOLEAN DEFAULT false NOT NULL, 
	CONSTRAINT pk_accounts PRIMARY KEY (username)
);
INSERT INTO "accounts" VALUES('root','administrator','management','root','owner',X'726F6F74','k1',1,0,1767225600000,NULL,NULL,0);
INSERT INTO "accounts" VALUES('admin','administrator','default','admin','owner',X'61646D696E','k1',1,0,1767225600000,NULL,NULL,0);
INSERT INTO "accounts" VALUES('rita','administrator','default','rita','registrar',X'72697461','k1',1,0,1767225600000,NULL,NULL,0);
INSERT INTO "accounts" VALUES('vera','administrator','default','vera','viewer',X'76657261','k1',1,0,1767225600000,NULL,NULL,0);
INSERT INTO "accounts" VALUES('nora','administrator','north','nora','owner',X'6E6F7261','k1',1,0,1767225600000,NULL,NULL,0);
INSERT INTO "accounts" VALUES('default/device_confirmed-1','device','default','confirmed-1',NULL,X'4BAC019319AC3580B59BC7A034E42007','k1',1,0,1767225721000,NULL,NULL,1);
INSERT INTO "accounts" VALUES('default/device_delivered-1','device','default','delivered-1',NULL,X'EEF59C4E2DAADC644E0B3DC177C57164','k1',1,0,1767225721000,NULL,NULL,1);
INSERT INTO "accounts" VALUES('default/device_installed-1','device','default','installed-1',NULL,X'1336D71F01FB7AC7C749D53E7A46BA29','k1',1,0,1767225721000,NULL,NULL,1);
INSERT INTO "accounts" VALUES('default/device_again-1','device','default','again-1',NULL,X'C4BAD63AF6A69247A60EA02538F06259','k1',1,1,1767225782000,NULL,NULL,1);
INSERT INTO "accounts" VALUES('default/device_plain-1','device','default','plain-1',NULL,X'790E5DA5ECAA2D9939B121A91D8A4C0A','k1',1,0,1767225721000,NULL,NULL,1);
INSERT INTO "accounts" VALUES('default/device_accepted-1','device','default','accepted-1',NULL,X'6EC6499C4BC9064FF4AF8852FAA705D7','k1',1,0,1767225782000,NULL,NULL,1);
INSERT INTO "accounts" VALUES('default/device_full-1','device','default','full-1',NULL,X'428F08ADFCBFF4DC4E588107D40C711E','k1',1,0,1767225782000,X'30B461B0562DF98737F8DB58E63704656FD765BF695927273F1193FC1BB8DE205221B68A60461746CF0450D31A89193556',NULL,1);
INSERT INTO "accounts" VALUES('sam','administrator','south','sam','owner',X'BC5A66650207000EB870A008B5778E45','k1',1,0,1767225782000,NULL,NULL,0);
INSERT INTO "accounts" VALUES('chosen','administrator','default','chosen','viewer',X'DF9A20125500183C714C37DF4315D08E','k1',1,0,1767225782000,X'A580C5956E2EAC7E206BB655B763F2710ACEEF608AA6721A8D93C261C3E76FE7DA32E00F387BF84842871A13788D',NULL,0);
INSERT INTO "accounts" VALUES('former','administrator','default','former','registrar',X'ED94D540A98FE3F78BAC86B6DBF9F402','k1',0,0,NULL,NULL,NULL,0);
INSERT INTO "accounts" VALUES('reader','application','default','reader',NULL,X'898093FE9A4888489D28A85F65E3BCE7','k1',1,0,1767225782000,NULL,'{"read": ["devices/default/+/data"], "write": []}',1);
INSERT INTO "accounts" VALUES('default/device_accepted-2','device','default','accepted-2',NULL,X'A87FE17E1FCDC49E0B2B71E146C60F58','k1',1,0,NULL,NULL,NULL,0);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE audit (
	number INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	tenant TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	action TEXT NOT NULL, 
	device_id TEXT, 
	outcome TEXT NOT NULL, 
	details TEXT NOT NULL, bulk TEXT, 
	CONSTRAINT pk_audit PRIMARY KEY (number)
);
INSERT INTO "audit" VALUES(1,1767225601000,'default','default/admin','set-option',NULL,'ok','{"key":"registration.ttl","value":31536000,"was":0}',NULL);
INSERT INTO "audit" VALUES(2,1767225601000,'management','management/root','set-option',NULL,'ok','{"key":"retry-after","value":60,"was":30}',NULL);
INSERT INTO "audit" VALUES(3,1767225601000,'default','default/admin','register','waiting-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(4,1767225601000,'default','default/admin','register','waiting-token','ok','{}',NULL);
INSERT INTO "audit" VALUES(5,1767225601000,'default','default/admin','register','waiting-auto','ok','{}',NULL);
INSERT INTO "audit" VALUES(6,1767225601000,'north','management/root','register','waiting-north','ok','{}',NULL);
INSERT INTO "audit" VALUES(7,1767225601000,'default','default/admin','register','pending-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(8,1767225601000,'default','default/admin','register','pending-token','ok','{}',NULL);
INSERT INTO "audit" VALUES(9,1767225601000,'default','default/admin','register','pending-key','ok','{}',NULL);
INSERT INTO "audit" VALUES(10,1767225601000,'default','default/admin','register','pending-two','ok','{}',NULL);
INSERT INTO "audit" VALUES(11,1767225601000,'default','default/admin','register','pending-five','ok','{}',NULL);
INSERT INTO "audit" VALUES(12,1767225601000,'default','default/admin','register','blocked-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(13,1767225661000,'default','default/admin','accept','pending-token','TOKEN_MISMATCH','{}',NULL);
INSERT INTO "audit" VALUES(14,1767225661000,'default','default/admin','accept','blocked-1','TOKEN_MISMATCH','{}',NULL);
INSERT INTO "audit" VALUES(15,1767225661000,'default','default/admin','accept','blocked-1','TOKEN_MISMATCH','{}',NULL);
INSERT INTO "audit" VALUES(16,1767225661000,'default','default/admin','accept','blocked-1','TOKEN_MISMATCH','{}',NULL);
INSERT INTO "audit" VALUES(17,1767225661000,'default','default/admin','accept','blocked-1','TOKEN_MISMATCH','{}',NULL);
INSERT INTO "audit" VALUES(18,1767225661000,'default','default/admin','accept','blocked-1','BLOCKED','{}',NULL);
INSERT INTO "audit" VALUES(19,1767225721000,'default','default/admin','register','confirmed-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(20,1767225721000,'default','default/admin','accept','confirmed-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(21,1767225721000,'default','default/admin','register','delivered-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(22,1767225721000,'default','default/admin','accept','delivered-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(23,1767225721000,'default','default/admin','register','installed-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(24,1767225721000,'default','default/admin','accept','installed-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(25,1767225721000,'default','default/admin','register','leaving-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(26,1767225721000,'default','default/admin','accept','leaving-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(27,1767225721000,'default','default/admin','register','again-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(28,1767225721000,'default','default/admin','accept','again-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(29,1767225721000,'default','default/admin','register','plain-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(30,1767225721000,'default','default/admin','accept','plain-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(31,1767225722000,'default','default/admin','delete','leaving-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(32,1767225722000,'default','default/admin','register','accepted-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(33,1767225722000,'default','default/admin','accept','accepted-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(34,1767225722000,'default','default/admin','delete','again-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(35,1767225722000,'default','default/admin','register','again-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(36,1767225722000,'default','default/admin','accept','again-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(37,1767225722000,'default','default/admin','register','gone-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(38,1767225722000,'default','default/admin','delete','gone-1','ok','{}',NULL);
INSERT INTO "audit" VALUES(39,1767225722000,'default','default/admin','register','waiting-1','ALREADY_REGISTERED','{}',NULL);
INSERT INTO "audit" VALUES(40,1767225722000,'default','default/admin','register','not/allowed','INVALID_ID','{}',NULL);
INSERT INTO "audit" VALUES(41,1767225782000,'default','default/admin','bulk-register',NULL,'ok','{"numberOfAll":3,"numberOfCreated":2,"numberOfFailed":1,"numberOfSuccessful":2,"complete":true}','e3a410be37c5f537');
INSERT INTO "audit" VALUES(42,1767225782000,'default','default/admin','bulk-register',NULL,'ok','{"numberOfAll":1,"numberOfCreated":1,"numberOfFailed":0,"numberOfSuccessful":1,"complete":true}','3c3464ae742df59c');
INSERT INTO "audit" VALUES(43,1767225782000,'default','default/admin','create-group',NULL,'ok','{"path":"Empty/One"}',NULL);
INSERT INTO "audit" VALUES(44,1767225782000,'default','default/admin','update-device','full-1','ok','{"changed":["properties"]}',NULL);
INSERT INTO "audit" VALUES(45,1767225782000,'management','management/root','create-tenant',NULL,'ok','{"id":"south"}',NULL);
INSERT INTO "audit" VALUES(46,1767225782000,'south','management/root','create-administrator',NULL,'ok','{"name":"sam","role":"owner"}',NULL);
INSERT INTO "audit" VALUES(47,1767225782000,'default','default/admin','create-administrator',NULL,'ok','{"name":"chosen","role":"viewer"}',NULL);
INSERT INTO "audit" VALUES(48,1767225782000,'default','default/admin','create-administrator',NULL,'ok','{"name":"former","role":"registrar"}',NULL);
INSERT INTO "audit" VALUES(49,1767225782000,'default','default/admin','create-application',NULL,'ok','{"name":"reader","read":["devices/default/+/data"],"write":[]}',NULL);
INSERT INTO "audit" VALUES(50,1767225782000,'default','default/admin','delete-administrator',NULL,'ok','{"name":"former"}',NULL);
INSERT INTO "audit" VALUES(51,1767225782000,'default','default/admin','set-option',NULL,'ok','{"key":"topics","value":["plant/{tenant}/{id}/#"],"was":[]}',NULL);
INSERT INTO "audit" VALUES(52,1767225782000,'default','default/admin','register','accepted-2','ok','{}',NULL);
INSERT INTO "audit" VALUES(53,1767225782000,'default','default/admin','accept','accepted-2','ok','{}',NULL);
CREATE TABLE devices (
	id TEXT NOT NULL, 
	tenant TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	name TEXT, 
	type TEXT, 
	group_path TEXT, 
	properties TEXT NOT NULL, 
	created BIGINT NOT NULL, 
	last_info BIGINT, iccid TEXT, id_type TEXT, shell BOOLEAN DEFAULT false NOT NULL, bulk TEXT, folded TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_devices PRIMARY KEY (id)
);
INSERT INTO "devices" VALUES('confirmed-1','default','default/admin',NULL,NULL,NULL,'{}',1767225721000,NULL,NULL,NULL,0,NULL,'confirmed-1
');
INSERT INTO "devices" VALUES('delivered-1','default','default/admin',NULL,NULL,NULL,'{}',1767225721000,NULL,NULL,NULL,0,NULL,'delivered-1
');
INSERT INTO "devices" VALUES('installed-1','default','default/admin',NULL,NULL,NULL,'{}',1767225721000,NULL,NULL,NULL,0,NULL,'installed-1
');
INSERT INTO "devices" VALUES('plain-1','default','default/admin',NULL,NULL,NULL,'{}',1767225721000,NULL,NULL,NULL,0,NULL,'plain-1
');
INSERT INTO "devices" VALUES('full-1','default','default/admin','Full one','meter','A/B','{"rack":"r2"}',1767225782000,NULL,'8949','imei',1,'3c3464ae742df59c','full-1
full one');
INSERT INTO "devices" VALUES('again-1','default','default/admin',NULL,NULL,NULL,'{}',1767225782000,NULL,NULL,NULL,0,NULL,'again-1
');
INSERT INTO "devices" VALUES('accepted-1','default','default/admin',NULL,NULL,NULL,'{}',1767225782000,NULL,NULL,NULL,0,NULL,'accepted-1
');
CREATE TABLE groups (
	tenant TEXT NOT NULL, 
	path TEXT NOT NULL, 
	CONSTRAINT pk_groups PRIMARY KEY (tenant, path)
);
INSERT INTO "groups" VALUES('default','Group A');
INSERT INTO "groups" VALUES('default','Group A/Group B');
INSERT INTO "groups" VALUES('default','A');
INSERT INTO "groups" VALUES('default','A/C');
INSERT INTO "groups" VALUES('default','A/B');
INSERT INTO "groups" VALUES('default','Empty');
INSERT INTO "groups" VALUES('default','Empty/One');
CREATE TABLE options (
	tenant TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_options PRIMARY KEY (tenant, "key")
);
INSERT INTO "options" VALUES('default','registration.ttl','31536000');
INSERT INTO "options" VALUES('management','retry-after','60');
INSERT INTO "options" VALUES('default','topics','["plant/{tenant}/{id}/#"]');
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
	folded TEXT NOT NULL, bulk TEXT, 
	CONSTRAINT pk_registrations PRIMARY KEY (id)
);
INSERT INTO "registrations" VALUES('waiting-1','default',2,1767225601000,'default/admin',NULL,'Größe 1','meter','Group A/Group B','{"site":{"hall":7}}',NULL,0,0,0,0,0,0,NULL,NULL,0,'[]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'waiting-1
grösse 1',NULL);
INSERT INTO "registrations" VALUES('waiting-token','default',2,1767225601000,'default/admin',NULL,NULL,NULL,NULL,'{}','4ec07b371dabeb0ba4ad33b83412d77d5a00d0a66841923c771cd33cfd7cc1c9',0,1,0,0,0,1,1767225661000,1767225661000,1,'[]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'waiting-token
',NULL);
INSERT INTO "registrations" VALUES('waiting-auto','default',2,1767225601000,'default/admin',NULL,NULL,NULL,NULL,'{}','2aee270c91070b5f563b2e23cca7da9f3dfbd0d329956d964807147a9c2e4c17',0,1,1,0,0,0,NULL,NULL,0,'[]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'waiting-auto
',NULL);
INSERT INTO "registrations" VALUES('waiting-north','north',2,1767225601000,'management/root',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,0,NULL,NULL,0,'[]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'waiting-north
',NULL);
INSERT INTO "registrations" VALUES('pending-1','default',0,1767225601000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225661000,1767225661000,0,'[["8564630b","private","abcdefghijklmnopqrstuv",null,null,"json",1767225661000]]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'pending-1
',NULL);
INSERT INTO "registrations" VALUES('pending-token','default',0,1767225601000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,1,1,1767225661000,1767225661000,1,'[["97ab6665","private","abcdefghijklmnopqrstuv","3940122d8a7a07944deb3c7041b5360d90bb341f5a00bbbf0a1214dc91b6ea1f",null,"json",1767225661000]]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'pending-token
',NULL);
INSERT INTO "registrations" VALUES('pending-key','default',0,1767225601000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225661000,1767225661000,0,'[["1b95e343","private","abcdefghijklmnopqrstuv",null,"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo","json",1767225661000]]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'pending-key
',NULL);
INSERT INTO "registrations" VALUES('pending-two','default',0,1767225601000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,2,1767225661000,1767225661000,0,'[["b4c4c499","plain","pending-two",null,null,"line",1767225661000],["2e7a6c97","private","abcdefghijklmnopqrstuv",null,null,"json",1767225661000]]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'pending-two
',NULL);
INSERT INTO "registrations" VALUES('pending-five','default',0,1767225601000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,5,1767225661000,1767225661000,1,'[["5c4d28de","private","another-client-of-a-caller-0","3aac5419981ec7b36e7b8f4c4a5005230284d85ac6f6367f6203c706239a3767",null,"json",1767225661000],["dfc13f34","private","another-client-of-a-caller-1","d47e1b902c9151b8e719ccdf0ebf2047f26f2f60c4e5745632bb8a863eaf4ff8",null,"json",1767225661000],["79d33d2a","private","another-client-of-a-caller-2","197f4ac4d36b2d3aa2ca053752e6795ea6d64efe41bfb5167d1dcfb52fcaa249",null,"json",1767225661000],["1ffc1509","private","another-client-of-a-caller-3","d246922248771ae645e7a656a0aab5bc6b2f4abea4392cc4e6fe9341d8902496",null,"json",1767225661000]]',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'pending-five
',NULL);
INSERT INTO "registrations" VALUES('blocked-1','default',1,1767225601000,'default/admin','TOO_MANY_ATTEMPTS',NULL,NULL,NULL,'{}',NULL,0,0,0,0,5,1,1767225661000,1767225661000,1,'[["baf5e521","plain","blocked-1","5862879d3b0ebf55c223b04e9f27550ac2635353a9f58ae81982bfc498ab3aa9",null,"line",1767225661000]]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'blocked-1
',NULL);
INSERT INTO "registrations" VALUES('confirmed-1','default',3,1767225721000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225721000,1767225721000,0,'[["838e5904","private","abcdefghijklmnopqrstuv",null,null,"json",1767225721000]]',0,'838e5904',X'4BAC019319AC3580B59BC7A034E42007','k1',1767225721000,1767225721000,NULL,1767225722000,1767225722000,'confirmed-1
',NULL);
INSERT INTO "registrations" VALUES('delivered-1','default',3,1767225721000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225721000,1767225721000,0,'[["5e50f2fe","private","abcdefghijklmnopqrstuv",null,null,"json",1767225721000]]',0,'5e50f2fe',X'EEF59C4E2DAADC644E0B3DC177C57164','k1',1767225721000,1767225721000,NULL,1767225722000,NULL,'delivered-1
',NULL);
INSERT INTO "registrations" VALUES('installed-1','default',3,1767225721000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225721000,1767225721000,0,'[["30f0c13c","private","abcdefghijklmnopqrstuv",null,null,"json",1767225721000]]',0,'30f0c13c',X'1336D71F01FB7AC7C749D53E7A46BA29','k1',1767225721000,1767225721000,NULL,NULL,NULL,'installed-1
',NULL);
INSERT INTO "registrations" VALUES('plain-1','default',3,1767225721000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,2,1767225721000,1767225722000,0,'[["2fd745fc","plain","plain-1",null,null,"line",1767225721000]]',0,'2fd745fc',X'790E5DA5ECAA2D9939B121A91D8A4C0A','k1',1767225721000,1767225721000,1767225722000,NULL,NULL,'plain-1
',NULL);
INSERT INTO "registrations" VALUES('accepted-1','default',3,1767225722000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225722000,1767225722000,0,'[["3d2ce73f","private","abcdefghijklmnopqrstuv",null,null,"json",1767225722000]]',0,'3d2ce73f',X'6EC6499C4BC9064FF4AF8852FAA705D7','k1',1767225722000,1767225782000,NULL,NULL,NULL,'accepted-1
',NULL);
INSERT INTO "registrations" VALUES('again-1','default',3,1767225722000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225722000,1767225722000,0,'[["bd9843dc","private","abcdefghijklmnopqrstuv",null,null,"json",1767225722000]]',0,'bd9843dc',X'C4BAD63AF6A69247A60EA02538F06259','k1',1767225722000,1767225782000,NULL,NULL,NULL,'again-1
',NULL);
INSERT INTO "registrations" VALUES('bulk-1','default',2,1767225782000,'default/admin',NULL,NULL,NULL,'A/C','{}',NULL,0,0,0,0,0,0,NULL,NULL,0,'[]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'bulk-1
','e3a410be37c5f537');
INSERT INTO "registrations" VALUES('bulk-2','default',2,1767225782000,'default/admin',NULL,NULL,NULL,'A','{}','5dba1f12f4d7a3253aaaed0de12fbe0570b1c5518bf401a0a7755a370436acc5',0,0,0,0,0,0,NULL,NULL,0,'[]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'bulk-2
','e3a410be37c5f537');
INSERT INTO "registrations" VALUES('full-1','default',3,1767225782000,'default/admin',NULL,'Full one','meter','A/B','{}',NULL,0,0,0,0,0,0,NULL,NULL,0,'[]',0,NULL,X'428F08ADFCBFF4DC4E588107D40C711E','k1',1767225782000,1767225782000,NULL,NULL,1767225782000,'full-1
full one','3c3464ae742df59c');
INSERT INTO "registrations" VALUES('accepted-2','default',3,1767225782000,'default/admin',NULL,NULL,NULL,NULL,'{}',NULL,0,0,0,0,0,1,1767225782000,1767225782000,0,'[["85fe324b","private","abcdefghijklmnopqrstuv",null,null,"json",1767225782000]]',0,'85fe324b',X'A87FE17E1FCDC49E0B2B71E146C60F58','k1',1767225782000,NULL,NULL,NULL,NULL,'accepted-2
',NULL);
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
INSERT INTO "tallies" VALUES('default',1767225600000,'registered',22);
INSERT INTO "tallies" VALUES('default',0,'WAITING_FOR_CONNECTION',5);
INSERT INTO "tallies" VALUES('north',1767225600000,'registered',1);
INSERT INTO "tallies" VALUES('north',0,'WAITING_FOR_CONNECTION',1);
INSERT INTO "tallies" VALUES('default',1767225600000,'requested',19);
INSERT INTO "tallies" VALUES('default',0,'PENDING_ACCEPTANCE',5);
INSERT INTO "tallies" VALUES('default',1767225600000,'blocked',1);
INSERT INTO "tallies" VALUES('default',0,'BLOCKED',1);
INSERT INTO "tallies" VALUES('default',1767225600000,'accepted',10);
INSERT INTO "tallies" VALUES('default',0,'ACCEPTED',8);
INSERT INTO "tallies" VALUES('default',1767225600000,'confirmed',2);
CREATE TABLE tenants (
	id TEXT NOT NULL, 
	name TEXT, 
	created BIGINT NOT NULL, 
	CONSTRAINT pk_tenants PRIMARY KEY (id)
);
INSERT INTO "tenants" VALUES('management',NULL,1767225600000);
INSERT INTO "tenants" VALUES('default',NULL,1767225600000);
INSERT INTO "tenants" VALUES('north',NULL,1767225600000);
INSERT INTO "tenants" VALUES('south','Süd',1767225782000);
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
CREATE INDEX ix_accounts_revisit ON accounts (username) WHERE revisit;
CREATE INDEX ix_accounts_people ON accounts (kind, username) WHERE kind <> 'device';
CREATE INDEX ix_devices_group ON devices (tenant, group_path, id);
CREATE UNIQUE INDEX ix_audit_bulk ON audit (bulk, tenant);
COMMIT;

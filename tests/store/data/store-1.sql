BEGIN TRANSACTION;
CREATE TABLE endpoint_audits (
	id INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	commune VARCHAR(64) NOT NULL, 
	profile VARCHAR(64) NOT NULL, 
	endpoint VARCHAR(253) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	status VARCHAR(32) NOT NULL, 
	detail TEXT NOT NULL, 
	observed_at DATETIME NOT NULL, 
	digest VARCHAR(64), 
	PRIMARY KEY (id), 
	FOREIGN KEY(commune, digest) REFERENCES evidence (commune, digest), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "endpoint_audits" VALUES(1,1,'val','base','p1','laptop','collected','','2026-11-20 08:00:00.000000','5fc71da7bcaf77ec7cf4a40e665b7906db7362ae202ce46c22b8a03b482c5904');
INSERT INTO "endpoint_audits" VALUES(2,1,'val','base','p2','laptop','unreachable','no answer in 10 s','2026-11-20 08:01:00.000000',NULL);
INSERT INTO "endpoint_audits" VALUES(3,2,'val','base','p1','laptop','collected','','2026-11-21 08:00:00.000000','597976c954e7d8843f2f7b531d8b6a349f0a836fffccca5f877f42c0e0b36c22');
INSERT INTO "endpoint_audits" VALUES(4,2,'val','base','p2','laptop','collected','','2026-11-21 08:00:00.000000','c80325b26b5a8a3e8295e0f5d5ef77e9fde432faaa47876d028e8dccbae551bd');
INSERT INTO "endpoint_audits" VALUES(5,3,'bourg','base','p1','laptop','collected','','2026-11-21 08:00:00.000000','5fc71da7bcaf77ec7cf4a40e665b7906db7362ae202ce46c22b8a03b482c5904');
CREATE TABLE evidence (
	commune VARCHAR(64) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	body BLOB NOT NULL, 
	PRIMARY KEY (commune, digest)
);
INSERT INTO "evidence" VALUES('val','5fc71da7bcaf77ec7cf4a40e665b7906db7362ae202ce46c22b8a03b482c5904',X'789C8B8E562A2ECE4851D25150CACF0692064046417E51898291514C9E526C2C0093D508F0');
INSERT INTO "evidence" VALUES('val','597976c954e7d8843f2f7b531d8b6a349f0a836fffccca5f877f42c0e0b36c22',X'789C8B8E562A2ECE4851D25150CACF0692064046417E5189821110C4E429C5C60200A4F30954');
INSERT INTO "evidence" VALUES('val','c80325b26b5a8a3e8295e0f5d5ef77e9fde432faaa47876d028e8dccbae551bd',X'789C8B8E562A2ECE4851D25150CACF0692064046417E51898291514C9E526C2C0093D508F0');
INSERT INTO "evidence" VALUES('bourg','5fc71da7bcaf77ec7cf4a40e665b7906db7362ae202ce46c22b8a03b482c5904',X'789C8B8E562A2ECE4851D25150CACF0692064046417E51898291514C9E526C2C0093D508F0');
CREATE TABLE findings (
	endpoint_audit INTEGER NOT NULL, 
	control VARCHAR(64) NOT NULL, 
	severity VARCHAR(16) NOT NULL, 
	verdict VARCHAR(16) NOT NULL, 
	reason VARCHAR(32) NOT NULL, 
	checks JSON NOT NULL, 
	probe VARCHAR(64), 
	detail TEXT NOT NULL, 
	waived BOOLEAN NOT NULL, 
	PRIMARY KEY (endpoint_audit, control), 
	FOREIGN KEY(endpoint_audit) REFERENCES endpoint_audits (id)
);
INSERT INTO "findings" VALUES(1,'root','high','fail','compared','[{"key": "port", "operator": "equals", "expected": 22, "actual": {"was": ["22", null, true]}, "met": true}]','sshd','',0);
INSERT INTO "findings" VALUES(1,'umask','high','pass','compared','[{"key": "port", "operator": "equals", "expected": 22, "actual": {"was": ["22", null, true]}, "met": true}]','sshd','',0);
INSERT INTO "findings" VALUES(3,'root','high','pass','compared','[{"key": "port", "operator": "equals", "expected": 22, "actual": {"was": ["22", null, true]}, "met": true}]','sshd','',0);
INSERT INTO "findings" VALUES(3,'umask','high','pass','compared','[{"key": "port", "operator": "equals", "expected": 22, "actual": {"was": ["22", null, true]}, "met": true}]','sshd','',0);
INSERT INTO "findings" VALUES(4,'root','high','pass','compared','[{"key": "port", "operator": "equals", "expected": 22, "actual": {"was": ["22", null, true]}, "met": true}]','sshd','',0);
INSERT INTO "findings" VALUES(5,'root','high','fail','compared','[{"key": "port", "operator": "equals", "expected": 22, "actual": {"was": ["22", null, true]}, "met": true}]','sshd','',0);
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	commune VARCHAR(64) NOT NULL, 
	profile VARCHAR(64) NOT NULL, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME NOT NULL, 
	catalogue_digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES(1,'val','base','2026-11-20 08:00:00.000000','2026-11-20 08:01:00.000000','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc');
INSERT INTO "runs" VALUES(2,'val','base','2026-11-21 08:00:00.000000','2026-11-21 08:01:00.000000','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc');
INSERT INTO "runs" VALUES(3,'bourg','base','2026-11-21 08:00:00.000000','2026-11-21 08:01:00.000000','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc');
CREATE TABLE store_schema (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "store_schema" VALUES(1);
CREATE INDEX runs_by_commune ON runs (commune, id);
CREATE INDEX ix_endpoint_audits_run ON endpoint_audits (run);
CREATE INDEX endpoint_audits_in_time ON endpoint_audits (commune, endpoint, observed_at);
CREATE INDEX findings_history ON findings (endpoint_audit, control, verdict);
COMMIT;

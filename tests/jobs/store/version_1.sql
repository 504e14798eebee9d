-- A store as schema version 1 made it, with a job that was running, one that had ended and one being listed.
CREATE TABLE setting (
    "key" VARCHAR(64) NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY ("key")
);
CREATE TABLE job (
    job_id VARCHAR(80) NOT NULL,
    name VARCHAR(100) NOT NULL,
    spec TEXT NOT NULL,
    spec_digest VARCHAR(64) NOT NULL,
    base TEXT NOT NULL,
    client_token VARCHAR(200) NOT NULL,
    owner VARCHAR(100) NOT NULL,
    priority INTEGER NOT NULL,
    state VARCHAR(32) NOT NULL,
    reason TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    not_before FLOAT NOT NULL,
    stale_reports INTEGER NOT NULL,
    pixels_done BIGINT NOT NULL,
    busy_s FLOAT NOT NULL,
    created_at FLOAT NOT NULL,
    updated_at FLOAT NOT NULL,
    PRIMARY KEY (job_id),
    UNIQUE (client_token)
);
CREATE INDEX job_by_name ON job (name, spec_digest);
CREATE TABLE counter (
    job_id VARCHAR(80) NOT NULL,
    state VARCHAR(16) NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (job_id, state),
    FOREIGN KEY(job_id) REFERENCES job (job_id) ON DELETE CASCADE
);
CREATE TABLE item (
    job_id VARCHAR(80) NOT NULL,
    item_id VARCHAR(20) NOT NULL,
    position INTEGER NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    style_label TEXT NOT NULL,
    task TEXT NOT NULL,
    content_key VARCHAR(40) NOT NULL,
    state VARCHAR(16) NOT NULL,
    may_replace BOOLEAN NOT NULL,
    attempt INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    lost_workers INTEGER NOT NULL,
    tile_px INTEGER,
    not_before FLOAT NOT NULL,
    lease_epoch INTEGER NOT NULL,
    lease_worker VARCHAR(100) NOT NULL,
    lease_until FLOAT NOT NULL,
    last_worker VARCHAR(100) NOT NULL,
    intent_sha256 VARCHAR(64),
    intent_bytes BIGINT,
    outcome_class VARCHAR(16),
    reason TEXT NOT NULL,
    seconds FLOAT NOT NULL,
    sha256 VARCHAR(64),
    bytes BIGINT,
    width INTEGER,
    height INTEGER,
    warnings TEXT NOT NULL,
    finished_at FLOAT,
    PRIMARY KEY (job_id, item_id),
    FOREIGN KEY(job_id) REFERENCES job (job_id) ON DELETE CASCADE
);
CREATE INDEX item_by_id ON item (item_id, state);
CREATE INDEX item_in_line ON item (job_id, state, position);
CREATE TABLE event (
    event_id INTEGER NOT NULL,
    job_id VARCHAR(80) NOT NULL,
    at FLOAT NOT NULL,
    actor VARCHAR(100) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (event_id),
    FOREIGN KEY(job_id) REFERENCES job (job_id) ON DELETE CASCADE
);
CREATE INDEX event_of_job ON event (job_id, event_id);
CREATE TABLE attempt (
    attempt_id INTEGER NOT NULL,
    job_id VARCHAR(80) NOT NULL,
    item_id VARCHAR(20) NOT NULL,
    attempt INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    worker VARCHAR(100) NOT NULL,
    outcome_class VARCHAR(16) NOT NULL,
    reason TEXT NOT NULL,
    decision TEXT NOT NULL,
    seconds FLOAT NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (attempt_id),
    FOREIGN KEY(job_id, item_id) REFERENCES item (job_id, item_id) ON DELETE CASCADE
);
CREATE INDEX attempt_of_item ON attempt (job_id, item_id);

INSERT INTO setting VALUES ('schema_version', '1');
INSERT INTO job VALUES
    ('run-1', 'one', '{"name": "one", "inputs": ["scans"], "styles": [{"name": "wave"}], "destination": "out"}',
     'd1', '/base', 'run:one:d1', '', 50, 'running', '', 3, 0.0, 0, 20, 2.0, 100.0, 130.0),
    ('end-1', 'two', '{"name": "two", "inputs": ["scans"], "styles": [{"name": "wave"}], "destination": "out"}',
     'd2', '/base', 'run:two:d2', '', 50, 'completed', '', 1, 0.0, 0, 0, 0.0, 50.0, 90.0),
    ('new-1', 'three', '{"name": "three", "inputs": ["scans"], "styles": [{"name": "wave"}], "destination": "out"}',
     'd3', '/base', 'run:three:d3', '', 50, 'listing', '', 0, 0.0, 0, 0, 0.0, 200.0, 200.0);
INSERT INTO counter VALUES
    ('run-1', 'queued', 1), ('run-1', 'leased', 0), ('run-1', 'done', 1), ('run-1', 'failed', 1),
    ('end-1', 'done', 0), ('new-1', 'queued', 0);
INSERT INTO item VALUES
    ('run-1', 'aa', 0, '/in/a.jpg', '/out/a.jpg', 'wave', '{}', 'ka', 'done', 0, 1, 0, 0, NULL, 0.0, 3, 'w', 0.0, '',
     NULL, NULL, 'done', '', 2.0, 's', 77, 4, 5, '', 120.0),
    ('run-1', 'bb', 1, '/in/b.jpg', '/out/b.jpg', 'wave', '{}', 'kb', 'queued', 0, 0, 0, 0, NULL, 0.0, 0, '', 0.0, '',
     NULL, NULL, NULL, '', 0.0, NULL, NULL, NULL, NULL, '', NULL),
    ('run-1', 'cc', 2, '/in/c.jpg', '/out/c.jpg', 'wave', '{}', 'kc', 'failed', 0, 1, 1, 0, NULL, 0.0, 3, 'w', 0.0, 'w',
     NULL, NULL, 'bug', 'broke', 2.0, NULL, NULL, NULL, NULL, '', 121.0);
INSERT INTO attempt VALUES (1, 'run-1', 'cc', 1, 3, 'w', 'bug', 'broke', 'failed: broke', 2.0, 121.0);
INSERT INTO event VALUES
    (1, 'run-1', 100.0, 'manager', 'create', ''), (2, 'run-1', 101.0, 'manager', 'listed', ''),
    (3, 'run-1', 102.0, 'manager', 'start', ''), (4, 'run-1', 110.0, 'manager', 'start', '');

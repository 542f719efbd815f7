"""The platform's own tables: what was loaded, what is asked for, what is kept of the rows."""

META = """
CREATE TABLE IF NOT EXISTS meta.created (
    fingerprint text PRIMARY KEY,
    relations bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS meta.shop (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    name text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS meta.loads (
    load_id text PRIMARY KEY,
    asset text NOT NULL,
    slice_start timestamptz NOT NULL,
    slice_end timestamptz NOT NULL,
    rows_written bigint NOT NULL,
    rows_changed bigint NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE SEQUENCE IF NOT EXISTS meta.epochs;
CREATE TABLE IF NOT EXISTS meta.slices (
    asset text NOT NULL,
    slice timestamptz NOT NULL,
    epoch bigint NOT NULL,
    load_id text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    provisional boolean NOT NULL DEFAULT false,
    outdated bigint,
    PRIMARY KEY (asset, slice)
);
CREATE INDEX IF NOT EXISTS slices_outdated ON meta.slices (asset, slice)
    WHERE outdated IS NOT NULL;
CREATE SEQUENCE IF NOT EXISTS meta.generations;
CREATE TABLE IF NOT EXISTS meta.stale_slices (
    mart text NOT NULL,
    slice timestamptz NOT NULL,
    generation bigint NOT NULL DEFAULT nextval('meta.generations'),
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (mart, slice)
);
CREATE TABLE IF NOT EXISTS meta.stale_orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    order_ids text[] NOT NULL,
    since timestamptz[] NOT NULL
);
CREATE TABLE IF NOT EXISTS meta.moved_orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hour timestamptz NOT NULL,
    source text NOT NULL,
    order_ids text[] NOT NULL
);
CREATE INDEX IF NOT EXISTS moved_orders_hour ON meta.moved_orders (hour);
CREATE TABLE IF NOT EXISTS meta.sold_orders (
    source text NOT NULL,
    order_id text NOT NULL,
    customer_id text,
    ordered_at timestamptz NOT NULL,
    currencies text[] NOT NULL,
    sold_since timestamptz[] NOT NULL,
    PRIMARY KEY (order_id, source)
);
CREATE INDEX IF NOT EXISTS sold_orders_customer
    ON meta.sold_orders (customer_id, source, ordered_at, order_id);
CREATE INDEX IF NOT EXISTS sold_orders_ordered_at ON meta.sold_orders (ordered_at);
CREATE TABLE IF NOT EXISTS meta.funnel_made (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    rule bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS meta.funnel_sums (
    hour timestamptz NOT NULL,
    source text NOT NULL,
    sessions bigint NOT NULL,
    view_sessions bigint NOT NULL,
    product_sessions bigint NOT NULL,
    cart_sessions bigint NOT NULL,
    checkout_sessions bigint NOT NULL,
    purchase_sessions bigint NOT NULL,
    bot_sessions bigint NOT NULL,
    converted_sessions bigint NOT NULL,
    PRIMARY KEY (hour, source)
);
CREATE TABLE IF NOT EXISTS meta.sums_of (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    zone text NOT NULL,
    rules text NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS meta.hour_sums (
    hour timestamptz NOT NULL,
    currency text NOT NULL,
    gross_sales_micros bigint NOT NULL,
    discounts_micros bigint NOT NULL,
    returns_micros bigint NOT NULL,
    shipping_micros bigint NOT NULL,
    taxes_micros bigint NOT NULL,
    adjustments_micros bigint NOT NULL,
    units_sold bigint NOT NULL,
    units_returned bigint NOT NULL,
    orders bigint NOT NULL,
    ledger_rows bigint NOT NULL,
    PRIMARY KEY (hour, currency)
);
CREATE TABLE IF NOT EXISTS meta.day_sums (
    day date NOT NULL,
    currency text NOT NULL,
    gross_sales_micros bigint NOT NULL,
    discounts_micros bigint NOT NULL,
    returns_micros bigint NOT NULL,
    shipping_micros bigint NOT NULL,
    taxes_micros bigint NOT NULL,
    adjustments_micros bigint NOT NULL,
    units_sold bigint NOT NULL,
    units_returned bigint NOT NULL,
    orders bigint NOT NULL,
    ledger_rows bigint NOT NULL,
    new_customer_orders bigint NOT NULL DEFAULT 0,
    guest_orders bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (day, currency)
);
CREATE TABLE IF NOT EXISTS meta.product_sums (
    day date NOT NULL,
    source text NOT NULL,
    product_id text NOT NULL,
    line_type text NOT NULL,
    currency text NOT NULL,
    gross_sales_micros bigint NOT NULL,
    discounts_micros bigint NOT NULL,
    returns_micros bigint NOT NULL,
    units_sold bigint NOT NULL,
    units_returned bigint NOT NULL,
    orders bigint NOT NULL,
    ledger_rows bigint NOT NULL,
    PRIMARY KEY (day, source, product_id, line_type, currency)
);
CREATE INDEX IF NOT EXISTS product_sums_product ON meta.product_sums (product_id, source, day);
CREATE TABLE IF NOT EXISTS meta.customer_sums (
    source text NOT NULL,
    customer_id text NOT NULL,
    currency text NOT NULL,
    orders bigint NOT NULL,
    net_sales_micros bigint NOT NULL,
    last_order_at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, source, currency)
);
CREATE TABLE IF NOT EXISTS meta.moved_totals (
    source text NOT NULL,
    customer_id text NOT NULL,
    currency text NOT NULL,
    orders bigint NOT NULL,
    net_sales_micros bigint NOT NULL,
    newest timestamptz,
    newest_gone timestamptz
);
CREATE TABLE IF NOT EXISTS meta.reconciliations (
    name text PRIMARY KEY,
    inputs text NOT NULL,
    reads text,
    grace interval,
    judged timestamptz
);
CREATE TABLE IF NOT EXISTS meta.stale_comparisons (
    name text NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    source text NOT NULL,
    keys text[] NOT NULL,
    PRIMARY KEY (name, id)
);
CREATE TABLE IF NOT EXISTS meta.waiting_comparisons (
    name text NOT NULL,
    kind text NOT NULL,
    source text NOT NULL,
    key text NOT NULL,
    due timestamptz NOT NULL,
    PRIMARY KEY (name, kind, source, key)
);
CREATE INDEX IF NOT EXISTS waiting_comparisons_due ON meta.waiting_comparisons (name, due);
CREATE TABLE IF NOT EXISTS meta.difference_counts (
    name text NOT NULL,
    kind text NOT NULL,
    differences bigint NOT NULL,
    PRIMARY KEY (name, kind)
);
CREATE TABLE IF NOT EXISTS meta.complete (
    assets text PRIMARY KEY,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS meta.mart_versions (
    mart text PRIMARY KEY,
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS meta.mart_changes (
    load_id text NOT NULL,
    mart text NOT NULL,
    day date NOT NULL,
    currency text NOT NULL,
    delta jsonb NOT NULL,
    PRIMARY KEY (load_id, mart, day, currency)
);
CREATE INDEX IF NOT EXISTS mart_changes_run ON meta.mart_changes (split_part(load_id, ':', 1));
CREATE TABLE IF NOT EXISTS meta.reprocessings (
    id text PRIMARY KEY,
    layer text NOT NULL,
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    reason text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    made_by text NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS meta.reprocessed (
    id text NOT NULL REFERENCES meta.reprocessings,
    run_id text NOT NULL,
    starts timestamptz,
    ends timestamptz,
    done_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (id, run_id)
);
CREATE TABLE IF NOT EXISTS meta.row_ledger (
    source text NOT NULL,
    stream text NOT NULL,
    entity text NOT NULL,
    hour timestamptz NOT NULL,
    rows_read bigint NOT NULL,
    rows_published bigint NOT NULL,
    rows_repaired bigint NOT NULL,
    rows_quarantined bigint NOT NULL,
    rows_deduplicated bigint NOT NULL,
    rows_folded bigint NOT NULL,
    load_id text NOT NULL,
    PRIMARY KEY (source, stream, entity, hour)
);
CREATE INDEX IF NOT EXISTS row_ledger_hour ON meta.row_ledger (hour);
CREATE TABLE IF NOT EXISTS meta.source_keys (
    source text NOT NULL,
    stream text NOT NULL,
    key text COLLATE "C" NOT NULL,
    hash bigint NOT NULL,
    hour timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz,
    row_hash bigint,
    PRIMARY KEY (source, stream, key)
);
CREATE TABLE IF NOT EXISTS meta.source_deletions (
    source text NOT NULL,
    stream text NOT NULL,
    hour timestamptz NOT NULL,
    key text NOT NULL,
    gone_at timestamptz NOT NULL,
    row_hour timestamptz NOT NULL,
    PRIMARY KEY (source, stream, hour, key, gone_at)
);
CREATE TABLE IF NOT EXISTS meta.source_checkpoints (
    source text NOT NULL,
    stream text NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    checkpoint jsonb NOT NULL,
    load_id text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, stream, window_start, window_end)
);
CREATE INDEX IF NOT EXISTS source_checkpoints_window_end
    ON meta.source_checkpoints (source, stream, window_end, window_start);
CREATE TABLE IF NOT EXISTS meta.checkpoints (
    source text NOT NULL,
    stream text NOT NULL,
    slice timestamptz NOT NULL,
    checkpoint jsonb NOT NULL,
    PRIMARY KEY (source, stream, slice)
);
"""

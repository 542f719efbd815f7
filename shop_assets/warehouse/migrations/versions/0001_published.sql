-- The warehouse as release 0.1.0 made it. It is history: nothing here changes any more.

CREATE SCHEMA IF NOT EXISTS "meta";
CREATE SCHEMA IF NOT EXISTS "warehouse";
CREATE SCHEMA IF NOT EXISTS "marts_base";
CREATE SCHEMA IF NOT EXISTS "analytics_base";
CREATE SCHEMA IF NOT EXISTS "marts";
CREATE SCHEMA IF NOT EXISTS "analytics";

CREATE TABLE meta.loads (
    load_id text PRIMARY KEY,
    asset text NOT NULL,
    slice_start timestamptz NOT NULL,
    slice_end timestamptz NOT NULL,
    rows_written bigint NOT NULL,
    rows_changed bigint NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE SEQUENCE meta.epochs;

CREATE TABLE meta.slices (
    asset text NOT NULL,
    slice timestamptz NOT NULL,
    epoch bigint NOT NULL,
    load_id text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (asset, slice)
);

CREATE TABLE meta.stale_slices (
    mart text NOT NULL,
    slice timestamptz NOT NULL,
    generation bigint NOT NULL DEFAULT 1,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (mart, slice)
);

CREATE TABLE meta.mart_versions (
    mart text PRIMARY KEY,
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL
);

CREATE TABLE meta.row_ledger (
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
CREATE INDEX row_ledger_hour ON meta.row_ledger (hour);

CREATE TABLE meta.checkpoints (
    source text NOT NULL,
    stream text NOT NULL,
    slice timestamptz NOT NULL,
    checkpoint jsonb NOT NULL,
    PRIMARY KEY (source, stream, slice)
);

CREATE TABLE "warehouse"."customers" (
    "source" text NOT NULL,
    "customer_id" text NOT NULL,
    "created_at" timestamp with time zone,
    "email" text,
    "name" text,
    "country" text,
    "marketing_consent" boolean,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "customer_id")
);
COMMENT ON TABLE "warehouse"."customers" IS 'One row per customer account of a source, in its newest version.';
COMMENT ON COLUMN "warehouse"."customers"."source" IS 'Name of the source';
COMMENT ON COLUMN "warehouse"."customers"."customer_id" IS 'The source''s id of the customer';
COMMENT ON COLUMN "warehouse"."customers"."created_at" IS 'When the account was made, or first seen';
COMMENT ON COLUMN "warehouse"."customers"."email" IS 'E-mail address, lower case';
COMMENT ON COLUMN "warehouse"."customers"."name" IS 'Full name';
COMMENT ON COLUMN "warehouse"."customers"."country" IS 'Country, as the source writes it';
COMMENT ON COLUMN "warehouse"."customers"."marketing_consent" IS 'Has agreed to marketing';
COMMENT ON COLUMN "warehouse"."customers"."version_at" IS 'When the source gave the row this version';
COMMENT ON COLUMN "warehouse"."customers"."deleted" IS 'The source has deleted the row';

CREATE TABLE "warehouse"."products" (
    "source" text NOT NULL,
    "product_id" text NOT NULL,
    "name" text,
    "category" text,
    "price_micros" bigint,
    "cost_micros" bigint,
    "currency" text,
    "lead_time_days" bigint,
    "created_at" timestamp with time zone,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "product_id")
);
COMMENT ON TABLE "warehouse"."products" IS 'One row per article or other thing with a stock code, in its newest version.';
COMMENT ON COLUMN "warehouse"."products"."source" IS 'Name of the source';
COMMENT ON COLUMN "warehouse"."products"."product_id" IS 'The source''s id, SKU or stock code';
COMMENT ON COLUMN "warehouse"."products"."name" IS 'Name or description';
COMMENT ON COLUMN "warehouse"."products"."category" IS 'Category';
COMMENT ON COLUMN "warehouse"."products"."price_micros" IS 'List price, micros of `currency`';
COMMENT ON COLUMN "warehouse"."products"."cost_micros" IS 'Unit cost, micros of `currency`';
COMMENT ON COLUMN "warehouse"."products"."currency" IS 'ISO 4217 code';
COMMENT ON COLUMN "warehouse"."products"."lead_time_days" IS 'Days from reorder to delivery';
COMMENT ON COLUMN "warehouse"."products"."created_at" IS 'When the product was made, or first seen';
COMMENT ON COLUMN "warehouse"."products"."version_at" IS 'When the source gave the row this version';
COMMENT ON COLUMN "warehouse"."products"."deleted" IS 'The source has deleted the row';

CREATE TABLE "warehouse"."orders" (
    "source" text NOT NULL,
    "order_id" text NOT NULL,
    "placed_at" timestamp with time zone NOT NULL,
    "customer_id" text,
    "email" text,
    "status" text NOT NULL,
    "currency" text NOT NULL,
    "discount_micros" bigint NOT NULL,
    "shipping_micros" bigint NOT NULL,
    "tax_micros" bigint NOT NULL,
    "cancelled_at" timestamp with time zone,
    "is_test" boolean NOT NULL,
    "channel" text,
    "country" text,
    "campaign_id" text,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "order_id", "placed_at")) PARTITION BY RANGE ("placed_at"
);
COMMENT ON TABLE "warehouse"."orders" IS 'One row per order, in its newest version.';
COMMENT ON COLUMN "warehouse"."orders"."source" IS 'Name of the source';
COMMENT ON COLUMN "warehouse"."orders"."order_id" IS 'The source''s id of the order';
COMMENT ON COLUMN "warehouse"."orders"."placed_at" IS 'When the order was placed';
COMMENT ON COLUMN "warehouse"."orders"."customer_id" IS 'The customer; null for a guest';
COMMENT ON COLUMN "warehouse"."orders"."email" IS 'E-mail address on the order';
COMMENT ON COLUMN "warehouse"."orders"."status" IS 'State of the order';
COMMENT ON COLUMN "warehouse"."orders"."currency" IS 'ISO 4217 code';
COMMENT ON COLUMN "warehouse"."orders"."discount_micros" IS 'Discount on the whole order, to be shared by its lines';
COMMENT ON COLUMN "warehouse"."orders"."shipping_micros" IS 'Shipping charged, before tax';
COMMENT ON COLUMN "warehouse"."orders"."tax_micros" IS 'Tax charged on top of prices and shipping';
COMMENT ON COLUMN "warehouse"."orders"."cancelled_at" IS 'When the order was cancelled';
COMMENT ON COLUMN "warehouse"."orders"."is_test" IS 'A test order: kept, but in no metric';
COMMENT ON COLUMN "warehouse"."orders"."channel" IS 'Sales channel';
COMMENT ON COLUMN "warehouse"."orders"."country" IS 'Country of the delivery';
COMMENT ON COLUMN "warehouse"."orders"."campaign_id" IS 'Campaign that the order names';
COMMENT ON COLUMN "warehouse"."orders"."version_at" IS 'When the source gave the row this version';
COMMENT ON COLUMN "warehouse"."orders"."deleted" IS 'The source has deleted the row';
CREATE INDEX "orders_source_customer_id" ON "warehouse"."orders" ("source", "customer_id");

CREATE TABLE "warehouse"."orders_versions" (
    "source" text NOT NULL,
    "order_id" text NOT NULL,
    "placed_at" timestamp with time zone NOT NULL,
    "customer_id" text,
    "email" text,
    "status" text NOT NULL,
    "currency" text NOT NULL,
    "discount_micros" bigint NOT NULL,
    "shipping_micros" bigint NOT NULL,
    "tax_micros" bigint NOT NULL,
    "cancelled_at" timestamp with time zone,
    "is_test" boolean NOT NULL,
    "channel" text,
    "country" text,
    "campaign_id" text,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "order_id", "version_at")
);

CREATE TABLE "warehouse"."order_items" (
    "source" text NOT NULL,
    "order_id" text NOT NULL,
    "item_id" text NOT NULL,
    "placed_at" timestamp with time zone NOT NULL,
    "product_id" text,
    "description" text,
    "line_type" text NOT NULL,
    "quantity" bigint NOT NULL,
    "unit_price_micros" bigint NOT NULL,
    "discount_micros" bigint NOT NULL,
    "currency" text NOT NULL,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "order_id", "item_id", "placed_at")) PARTITION BY RANGE ("placed_at"
);
COMMENT ON TABLE "warehouse"."order_items" IS 'One row per line of an order, in its newest version.';
COMMENT ON COLUMN "warehouse"."order_items"."source" IS 'Name of the source';
COMMENT ON COLUMN "warehouse"."order_items"."order_id" IS 'The order';
COMMENT ON COLUMN "warehouse"."order_items"."item_id" IS 'The line within the order';
COMMENT ON COLUMN "warehouse"."order_items"."placed_at" IS 'When the line was sold';
COMMENT ON COLUMN "warehouse"."order_items"."product_id" IS 'The product';
COMMENT ON COLUMN "warehouse"."order_items"."description" IS 'The line''s own text';
COMMENT ON COLUMN "warehouse"."order_items"."line_type" IS 'What kind of line it is';
COMMENT ON COLUMN "warehouse"."order_items"."quantity" IS 'Units; negative for a returned line';
COMMENT ON COLUMN "warehouse"."order_items"."unit_price_micros" IS 'Price of one unit before tax, micros';
COMMENT ON COLUMN "warehouse"."order_items"."discount_micros" IS 'Discount on this line, micros';
COMMENT ON COLUMN "warehouse"."order_items"."currency" IS 'ISO 4217 code';
COMMENT ON COLUMN "warehouse"."order_items"."version_at" IS 'When the source gave the row this version';
COMMENT ON COLUMN "warehouse"."order_items"."deleted" IS 'The source has deleted the row';

CREATE TABLE "warehouse"."order_items_versions" (
    "source" text NOT NULL,
    "order_id" text NOT NULL,
    "item_id" text NOT NULL,
    "placed_at" timestamp with time zone NOT NULL,
    "product_id" text,
    "description" text,
    "line_type" text NOT NULL,
    "quantity" bigint NOT NULL,
    "unit_price_micros" bigint NOT NULL,
    "discount_micros" bigint NOT NULL,
    "currency" text NOT NULL,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "order_id", "item_id", "version_at")
);

CREATE TABLE "warehouse"."refunds" (
    "source" text NOT NULL,
    "refund_id" text NOT NULL,
    "order_id" text NOT NULL,
    "item_id" text,
    "refunded_at" timestamp with time zone NOT NULL,
    "quantity" bigint NOT NULL,
    "amount_micros" bigint NOT NULL,
    "shipping_micros" bigint NOT NULL,
    "tax_micros" bigint NOT NULL,
    "currency" text NOT NULL,
    "restocked" boolean,
    "reason" text,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "refund_id", "refunded_at")) PARTITION BY RANGE ("refunded_at"
);
COMMENT ON TABLE "warehouse"."refunds" IS 'One row per refunded line (or per refund that names no line).';
COMMENT ON COLUMN "warehouse"."refunds"."source" IS 'Name of the source';
COMMENT ON COLUMN "warehouse"."refunds"."refund_id" IS 'The source''s id of the refund''s line';
COMMENT ON COLUMN "warehouse"."refunds"."order_id" IS 'The order refunded';
COMMENT ON COLUMN "warehouse"."refunds"."item_id" IS 'The line refunded; null for the order as a whole';
COMMENT ON COLUMN "warehouse"."refunds"."refunded_at" IS 'When the refund was made';
COMMENT ON COLUMN "warehouse"."refunds"."quantity" IS 'Units returned';
COMMENT ON COLUMN "warehouse"."refunds"."amount_micros" IS 'Goods value given back, before tax, net of discounts';
COMMENT ON COLUMN "warehouse"."refunds"."shipping_micros" IS 'Shipping given back';
COMMENT ON COLUMN "warehouse"."refunds"."tax_micros" IS 'Tax given back';
COMMENT ON COLUMN "warehouse"."refunds"."currency" IS 'ISO 4217 code';
COMMENT ON COLUMN "warehouse"."refunds"."restocked" IS 'The goods went back to stock';
COMMENT ON COLUMN "warehouse"."refunds"."reason" IS 'Reason';
COMMENT ON COLUMN "warehouse"."refunds"."version_at" IS 'When the source gave the row this version';
COMMENT ON COLUMN "warehouse"."refunds"."deleted" IS 'The source has deleted the row';
CREATE INDEX "refunds_source_order_id" ON "warehouse"."refunds" ("source", "order_id");

CREATE TABLE "warehouse"."refunds_versions" (
    "source" text NOT NULL,
    "refund_id" text NOT NULL,
    "order_id" text NOT NULL,
    "item_id" text,
    "refunded_at" timestamp with time zone NOT NULL,
    "quantity" bigint NOT NULL,
    "amount_micros" bigint NOT NULL,
    "shipping_micros" bigint NOT NULL,
    "tax_micros" bigint NOT NULL,
    "currency" text NOT NULL,
    "restocked" boolean,
    "reason" text,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "refund_id", "version_at")
);

CREATE TABLE "warehouse"."payments" (
    "source" text NOT NULL,
    "payment_id" text NOT NULL,
    "order_id" text,
    "type" text NOT NULL,
    "status" text,
    "amount_micros" bigint NOT NULL,
    "fee_micros" bigint NOT NULL,
    "currency" text NOT NULL,
    "created_at" timestamp with time zone NOT NULL,
    "available_on" timestamp with time zone,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "payment_id", "created_at")) PARTITION BY RANGE ("created_at"
);
COMMENT ON TABLE "warehouse"."payments" IS 'One row per movement of money at the payment provider.';
COMMENT ON COLUMN "warehouse"."payments"."source" IS 'Name of the source';
COMMENT ON COLUMN "warehouse"."payments"."payment_id" IS 'The provider''s id';
COMMENT ON COLUMN "warehouse"."payments"."order_id" IS 'The order it belongs to';
COMMENT ON COLUMN "warehouse"."payments"."type" IS 'What moved';
COMMENT ON COLUMN "warehouse"."payments"."status" IS 'State at the provider';
COMMENT ON COLUMN "warehouse"."payments"."amount_micros" IS 'Amount; negative when it leaves the shop, micros';
COMMENT ON COLUMN "warehouse"."payments"."fee_micros" IS 'The provider''s fee, micros';
COMMENT ON COLUMN "warehouse"."payments"."currency" IS 'ISO 4217 code';
COMMENT ON COLUMN "warehouse"."payments"."created_at" IS 'When the money moved';
COMMENT ON COLUMN "warehouse"."payments"."available_on" IS 'When it can be paid out';
COMMENT ON COLUMN "warehouse"."payments"."version_at" IS 'When the source gave the row this version';
COMMENT ON COLUMN "warehouse"."payments"."deleted" IS 'The source has deleted the row';
CREATE INDEX "payments_order_id" ON "warehouse"."payments" ("order_id");

CREATE TABLE "warehouse"."payments_versions" (
    "source" text NOT NULL,
    "payment_id" text NOT NULL,
    "order_id" text,
    "type" text NOT NULL,
    "status" text,
    "amount_micros" bigint NOT NULL,
    "fee_micros" bigint NOT NULL,
    "currency" text NOT NULL,
    "created_at" timestamp with time zone NOT NULL,
    "available_on" timestamp with time zone,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "payment_id", "version_at")
);

CREATE TABLE "warehouse"."inventory_movements" (
    "source" text NOT NULL,
    "movement_id" text NOT NULL,
    "moved_at" timestamp with time zone NOT NULL,
    "product_id" text NOT NULL,
    "location_id" text NOT NULL,
    "quantity" bigint NOT NULL,
    "reason" text,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "movement_id", "moved_at")) PARTITION BY RANGE ("moved_at"
);
COMMENT ON TABLE "warehouse"."inventory_movements" IS 'One row per movement of stock.';
COMMENT ON COLUMN "warehouse"."inventory_movements"."source" IS 'Name of the source';
COMMENT ON COLUMN "warehouse"."inventory_movements"."movement_id" IS 'The source''s id';
COMMENT ON COLUMN "warehouse"."inventory_movements"."moved_at" IS 'When the stock moved';
COMMENT ON COLUMN "warehouse"."inventory_movements"."product_id" IS 'The product';
COMMENT ON COLUMN "warehouse"."inventory_movements"."location_id" IS 'The warehouse or shop';
COMMENT ON COLUMN "warehouse"."inventory_movements"."quantity" IS 'Units; negative when they leave';
COMMENT ON COLUMN "warehouse"."inventory_movements"."reason" IS 'sale, return, receipt, correction, ...';
COMMENT ON COLUMN "warehouse"."inventory_movements"."version_at" IS 'When the source gave the row this version';
COMMENT ON COLUMN "warehouse"."inventory_movements"."deleted" IS 'The source has deleted the row';

CREATE TABLE "warehouse"."inventory_movements_versions" (
    "source" text NOT NULL,
    "movement_id" text NOT NULL,
    "moved_at" timestamp with time zone NOT NULL,
    "product_id" text NOT NULL,
    "location_id" text NOT NULL,
    "quantity" bigint NOT NULL,
    "reason" text,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "movement_id", "version_at")
);

CREATE TABLE "warehouse"."inventory_levels" (
    "source" text NOT NULL,
    "product_id" text NOT NULL,
    "location_id" text NOT NULL,
    "measured_at" timestamp with time zone NOT NULL,
    "available" bigint NOT NULL,
    "committed" bigint NOT NULL,
    "unavailable" bigint NOT NULL,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "product_id", "location_id", "measured_at")) PARTITION BY RANGE ("measured_at"
);
COMMENT ON TABLE "warehouse"."inventory_levels" IS 'One row per reading of a product''s stock at a location.';
COMMENT ON COLUMN "warehouse"."inventory_levels"."source" IS 'Name of the source';
COMMENT ON COLUMN "warehouse"."inventory_levels"."product_id" IS 'The product';
COMMENT ON COLUMN "warehouse"."inventory_levels"."location_id" IS 'The warehouse or shop';
COMMENT ON COLUMN "warehouse"."inventory_levels"."measured_at" IS 'When the level was read';
COMMENT ON COLUMN "warehouse"."inventory_levels"."available" IS 'Units that can be sold; negative when oversold';
COMMENT ON COLUMN "warehouse"."inventory_levels"."committed" IS 'Units promised to orders';
COMMENT ON COLUMN "warehouse"."inventory_levels"."unavailable" IS 'Damaged, safety stock, quality control';
COMMENT ON COLUMN "warehouse"."inventory_levels"."version_at" IS 'When the source gave the row this version';
COMMENT ON COLUMN "warehouse"."inventory_levels"."deleted" IS 'The source has deleted the row';

CREATE TABLE "warehouse"."campaigns" (
    "source" text NOT NULL,
    "campaign_id" text NOT NULL,
    "name" text,
    "channel" text,
    "status" text,
    "started_on" date,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "campaign_id")
);
COMMENT ON TABLE "warehouse"."campaigns" IS 'One row per advertising campaign, in its newest version.';
COMMENT ON COLUMN "warehouse"."campaigns"."source" IS 'Name of the ad platform''s source';
COMMENT ON COLUMN "warehouse"."campaigns"."campaign_id" IS 'The platform''s id';
COMMENT ON COLUMN "warehouse"."campaigns"."name" IS 'Name';
COMMENT ON COLUMN "warehouse"."campaigns"."channel" IS 'search, social, display, ...';
COMMENT ON COLUMN "warehouse"."campaigns"."status" IS 'State at the platform';
COMMENT ON COLUMN "warehouse"."campaigns"."started_on" IS 'First day';
COMMENT ON COLUMN "warehouse"."campaigns"."version_at" IS 'When the source gave the row this version';
COMMENT ON COLUMN "warehouse"."campaigns"."deleted" IS 'The source has deleted the row';

CREATE TABLE "warehouse"."ad_spend" (
    "source" text NOT NULL,
    "campaign_id" text NOT NULL,
    "day" date NOT NULL,
    "spend_micros" bigint NOT NULL,
    "currency" text NOT NULL,
    "impressions" bigint NOT NULL,
    "clicks" bigint NOT NULL,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "campaign_id", "day")
);
COMMENT ON TABLE "warehouse"."ad_spend" IS 'One row per campaign and day of the platform''s account, in its newest restatement.';
COMMENT ON COLUMN "warehouse"."ad_spend"."source" IS 'Name of the ad platform''s source';
COMMENT ON COLUMN "warehouse"."ad_spend"."campaign_id" IS 'The platform''s id of the campaign';
COMMENT ON COLUMN "warehouse"."ad_spend"."day" IS 'Day in the account''s time zone';
COMMENT ON COLUMN "warehouse"."ad_spend"."spend_micros" IS 'Cost, micros of `currency`';
COMMENT ON COLUMN "warehouse"."ad_spend"."currency" IS 'ISO 4217 code';
COMMENT ON COLUMN "warehouse"."ad_spend"."impressions" IS 'Times shown';
COMMENT ON COLUMN "warehouse"."ad_spend"."clicks" IS 'Clicks';
COMMENT ON COLUMN "warehouse"."ad_spend"."version_at" IS 'When the platform gave the row this version';
COMMENT ON COLUMN "warehouse"."ad_spend"."deleted" IS 'The source has deleted the row';

CREATE TABLE "warehouse"."crm_contacts" (
    "source" text NOT NULL,
    "contact_id" text NOT NULL,
    "customer_id" text,
    "email" text,
    "name" text,
    "segment" text,
    "marketing_consent" boolean,
    "created_at" timestamp with time zone,
    "version_at" timestamp with time zone NOT NULL,
    "deleted" boolean NOT NULL,
    PRIMARY KEY ("source", "contact_id")
);
COMMENT ON TABLE "warehouse"."crm_contacts" IS 'One row per contact of the CRM, in its newest version.';
COMMENT ON COLUMN "warehouse"."crm_contacts"."source" IS 'Name of the source';
COMMENT ON COLUMN "warehouse"."crm_contacts"."contact_id" IS 'The CRM''s id';
COMMENT ON COLUMN "warehouse"."crm_contacts"."customer_id" IS 'The shop''s customer, where known';
COMMENT ON COLUMN "warehouse"."crm_contacts"."email" IS 'E-mail address, lower case';
COMMENT ON COLUMN "warehouse"."crm_contacts"."name" IS 'Full name';
COMMENT ON COLUMN "warehouse"."crm_contacts"."segment" IS 'Segment that the CRM gives';
COMMENT ON COLUMN "warehouse"."crm_contacts"."marketing_consent" IS 'Has agreed to marketing';
COMMENT ON COLUMN "warehouse"."crm_contacts"."created_at" IS 'When the contact was made';
COMMENT ON COLUMN "warehouse"."crm_contacts"."version_at" IS 'When the source gave the row this version';
COMMENT ON COLUMN "warehouse"."crm_contacts"."deleted" IS 'The source has deleted the row';

CREATE TABLE "warehouse"."sales_ledger" (
    "source" text NOT NULL,
    "order_id" text NOT NULL,
    "item_id" text NOT NULL,
    "kind" text NOT NULL,
    "event_id" text NOT NULL,
    "happened_at" timestamp with time zone NOT NULL,
    "ordered_at" timestamp with time zone NOT NULL,
    "customer_id" text,
    "product_id" text,
    "line_type" text,
    "quantity" bigint NOT NULL,
    "amount_micros" bigint NOT NULL,
    "currency" text NOT NULL,
    "is_test" boolean NOT NULL,
    PRIMARY KEY ("source", "order_id", "item_id", "kind", "event_id", "happened_at")) PARTITION BY RANGE ("happened_at"
);
COMMENT ON TABLE "warehouse"."sales_ledger" IS 'One row per money event and order line: what it was, when it happened, and how much.';
COMMENT ON COLUMN "warehouse"."sales_ledger"."source" IS 'Name of the source';
COMMENT ON COLUMN "warehouse"."sales_ledger"."order_id" IS 'The order';
COMMENT ON COLUMN "warehouse"."sales_ledger"."item_id" IS 'The line; '''' for the order as a whole';
COMMENT ON COLUMN "warehouse"."sales_ledger"."kind" IS 'What happened';
COMMENT ON COLUMN "warehouse"."sales_ledger"."event_id" IS 'The source''s identity of the event: a refund''s id, or the version that made it';
COMMENT ON COLUMN "warehouse"."sales_ledger"."happened_at" IS 'When it happened';
COMMENT ON COLUMN "warehouse"."sales_ledger"."ordered_at" IS 'When the order was placed';
COMMENT ON COLUMN "warehouse"."sales_ledger"."customer_id" IS 'The customer; null for a guest';
COMMENT ON COLUMN "warehouse"."sales_ledger"."product_id" IS 'The product';
COMMENT ON COLUMN "warehouse"."sales_ledger"."line_type" IS 'Kind of line; null for the order as a whole';
COMMENT ON COLUMN "warehouse"."sales_ledger"."quantity" IS 'Units';
COMMENT ON COLUMN "warehouse"."sales_ledger"."amount_micros" IS 'Amount, micros of `currency`';
COMMENT ON COLUMN "warehouse"."sales_ledger"."currency" IS 'ISO 4217 code';
COMMENT ON COLUMN "warehouse"."sales_ledger"."is_test" IS 'Of a test order: in no metric';
CREATE INDEX "sales_ledger_source_customer_id" ON "warehouse"."sales_ledger" ("source", "customer_id");

CREATE TABLE "warehouse"."web_activity" (
    "source" text NOT NULL,
    "change_hour" timestamp with time zone NOT NULL,
    "visitor_id" text NOT NULL,
    "started_at" timestamp with time zone NOT NULL,
    "ended_at" timestamp with time zone NOT NULL,
    "events" bigint NOT NULL,
    "is_bot" boolean NOT NULL,
    "view_first" timestamp with time zone,
    "view_last" timestamp with time zone,
    "product_first" timestamp with time zone,
    "product_last" timestamp with time zone,
    "cart_first" timestamp with time zone,
    "cart_last" timestamp with time zone,
    "checkout_first" timestamp with time zone,
    "checkout_last" timestamp with time zone,
    "purchase_first" timestamp with time zone,
    "purchase_last" timestamp with time zone,
    PRIMARY KEY ("source", "change_hour", "visitor_id", "started_at")) PARTITION BY RANGE ("started_at"
);
COMMENT ON TABLE "warehouse"."web_activity" IS 'One row per visitor and unbroken stretch of activity within an hour, as loaded by one hour.';
COMMENT ON COLUMN "warehouse"."web_activity"."source" IS 'Name of the source';
COMMENT ON COLUMN "warehouse"."web_activity"."change_hour" IS 'Hour of change that loaded the row';
COMMENT ON COLUMN "warehouse"."web_activity"."visitor_id" IS 'Pseudonymous id of the browser';
COMMENT ON COLUMN "warehouse"."web_activity"."started_at" IS 'First event of the stretch';
COMMENT ON COLUMN "warehouse"."web_activity"."ended_at" IS 'Last event of the stretch';
COMMENT ON COLUMN "warehouse"."web_activity"."events" IS 'Events in the stretch, as delivered';
COMMENT ON COLUMN "warehouse"."web_activity"."is_bot" IS 'Made by a program';
COMMENT ON COLUMN "warehouse"."web_activity"."view_first" IS 'First view';
COMMENT ON COLUMN "warehouse"."web_activity"."view_last" IS 'Last view';
COMMENT ON COLUMN "warehouse"."web_activity"."product_first" IS 'First product page';
COMMENT ON COLUMN "warehouse"."web_activity"."product_last" IS 'Last product page';
COMMENT ON COLUMN "warehouse"."web_activity"."cart_first" IS 'First add to cart';
COMMENT ON COLUMN "warehouse"."web_activity"."cart_last" IS 'Last add to cart';
COMMENT ON COLUMN "warehouse"."web_activity"."checkout_first" IS 'First checkout';
COMMENT ON COLUMN "warehouse"."web_activity"."checkout_last" IS 'Last checkout';
COMMENT ON COLUMN "warehouse"."web_activity"."purchase_first" IS 'First purchase';
COMMENT ON COLUMN "warehouse"."web_activity"."purchase_last" IS 'Last purchase';
CREATE INDEX "web_activity_visitor_id_started_at" ON "warehouse"."web_activity" ("visitor_id", "started_at");
CREATE INDEX "web_activity_change_hour" ON "warehouse"."web_activity" ("change_hour");

CREATE TABLE "marts_base"."sales_hourly" (
    "hour" timestamp with time zone NOT NULL,
    "currency" text NOT NULL,
    "gross_sales_micros" bigint NOT NULL,
    "discounts_micros" bigint NOT NULL,
    "returns_micros" bigint NOT NULL,
    "net_sales_micros" bigint NOT NULL,
    "shipping_micros" bigint NOT NULL,
    "taxes_micros" bigint NOT NULL,
    "total_sales_micros" bigint NOT NULL,
    "adjustments_micros" bigint NOT NULL,
    "orders" bigint NOT NULL,
    "units_sold" bigint NOT NULL,
    "units_returned" bigint NOT NULL,
    PRIMARY KEY ("hour", "currency")
);
COMMENT ON TABLE "marts_base"."sales_hourly" IS 'Sales by hour (UTC) and currency: sums over the sales ledger by the hour it happened in.';
COMMENT ON COLUMN "marts_base"."sales_hourly"."hour" IS 'Start of the hour, UTC';
COMMENT ON COLUMN "marts_base"."sales_hourly"."currency" IS 'ISO 4217 code';
COMMENT ON COLUMN "marts_base"."sales_hourly"."gross_sales_micros" IS 'Price x quantity of sold lines';
COMMENT ON COLUMN "marts_base"."sales_hourly"."discounts_micros" IS 'Line discounts and shares of order discounts';
COMMENT ON COLUMN "marts_base"."sales_hourly"."returns_micros" IS 'Value of returned and cancelled lines, at the return''s hour';
COMMENT ON COLUMN "marts_base"."sales_hourly"."net_sales_micros" IS 'gross_sales - discounts - returns';
COMMENT ON COLUMN "marts_base"."sales_hourly"."shipping_micros" IS 'Charged minus refunded';
COMMENT ON COLUMN "marts_base"."sales_hourly"."taxes_micros" IS 'Charged minus refunded';
COMMENT ON COLUMN "marts_base"."sales_hourly"."total_sales_micros" IS 'net_sales + shipping + taxes';
COMMENT ON COLUMN "marts_base"."sales_hourly"."adjustments_micros" IS 'Corrections outside sales, such as bad debt';
COMMENT ON COLUMN "marts_base"."sales_hourly"."orders" IS 'Orders with at least one sale, at the order''s hour';
COMMENT ON COLUMN "marts_base"."sales_hourly"."units_sold" IS 'Units of sold lines';
COMMENT ON COLUMN "marts_base"."sales_hourly"."units_returned" IS 'Units of returned and cancelled lines';

CREATE TABLE "marts_base"."sales_daily" (
    "day" date NOT NULL,
    "currency" text NOT NULL,
    "gross_sales_micros" bigint NOT NULL,
    "discounts_micros" bigint NOT NULL,
    "returns_micros" bigint NOT NULL,
    "net_sales_micros" bigint NOT NULL,
    "shipping_micros" bigint NOT NULL,
    "taxes_micros" bigint NOT NULL,
    "total_sales_micros" bigint NOT NULL,
    "adjustments_micros" bigint NOT NULL,
    "orders" bigint NOT NULL,
    "units_sold" bigint NOT NULL,
    "units_returned" bigint NOT NULL,
    "new_customer_orders" bigint NOT NULL,
    "repeat_orders" bigint NOT NULL,
    "guest_orders" bigint NOT NULL,
    "aov_net_micros" bigint,
    "aov_total_micros" bigint,
    PRIMARY KEY ("day", "currency")
);
COMMENT ON TABLE "marts_base"."sales_daily" IS 'Sales by day of the shop''s time zone and currency.';
COMMENT ON COLUMN "marts_base"."sales_daily"."day" IS 'Day of the shop''s time zone';
COMMENT ON COLUMN "marts_base"."sales_daily"."currency" IS 'ISO 4217 code';
COMMENT ON COLUMN "marts_base"."sales_daily"."gross_sales_micros" IS 'Price x quantity of sold lines';
COMMENT ON COLUMN "marts_base"."sales_daily"."discounts_micros" IS 'Line discounts and shares of order discounts';
COMMENT ON COLUMN "marts_base"."sales_daily"."returns_micros" IS 'Value of returned and cancelled lines, on the return''s day';
COMMENT ON COLUMN "marts_base"."sales_daily"."net_sales_micros" IS 'gross_sales - discounts - returns';
COMMENT ON COLUMN "marts_base"."sales_daily"."shipping_micros" IS 'Charged minus refunded';
COMMENT ON COLUMN "marts_base"."sales_daily"."taxes_micros" IS 'Charged minus refunded';
COMMENT ON COLUMN "marts_base"."sales_daily"."total_sales_micros" IS 'net_sales + shipping + taxes';
COMMENT ON COLUMN "marts_base"."sales_daily"."adjustments_micros" IS 'Corrections outside sales, such as bad debt';
COMMENT ON COLUMN "marts_base"."sales_daily"."orders" IS 'Orders with at least one sale, on the order''s day';
COMMENT ON COLUMN "marts_base"."sales_daily"."units_sold" IS 'Units of sold lines';
COMMENT ON COLUMN "marts_base"."sales_daily"."units_returned" IS 'Units of returned and cancelled lines';
COMMENT ON COLUMN "marts_base"."sales_daily"."new_customer_orders" IS 'Orders that are a customer''s first ever';
COMMENT ON COLUMN "marts_base"."sales_daily"."repeat_orders" IS 'Orders of customers who had ordered before';
COMMENT ON COLUMN "marts_base"."sales_daily"."guest_orders" IS 'Orders that name no customer';
COMMENT ON COLUMN "marts_base"."sales_daily"."aov_net_micros" IS 'net_sales / orders; null without orders';
COMMENT ON COLUMN "marts_base"."sales_daily"."aov_total_micros" IS 'total_sales / orders; null without orders';

CREATE TABLE "marts_base"."product_sales_daily" (
    "day" date NOT NULL,
    "source" text NOT NULL,
    "product_id" text NOT NULL,
    "line_type" text NOT NULL,
    "currency" text NOT NULL,
    "gross_sales_micros" bigint NOT NULL,
    "discounts_micros" bigint NOT NULL,
    "returns_micros" bigint NOT NULL,
    "net_sales_micros" bigint NOT NULL,
    "orders" bigint NOT NULL,
    "units_sold" bigint NOT NULL,
    "units_returned" bigint NOT NULL,
    PRIMARY KEY ("day", "source", "product_id", "line_type", "currency")
);
COMMENT ON TABLE "marts_base"."product_sales_daily" IS 'Sales by day of the shop''s time zone, product, kind of line and currency.';
COMMENT ON COLUMN "marts_base"."product_sales_daily"."day" IS 'Day of the shop''s time zone';
COMMENT ON COLUMN "marts_base"."product_sales_daily"."source" IS 'Name of the source';
COMMENT ON COLUMN "marts_base"."product_sales_daily"."product_id" IS 'The product; '''' where the line names none';
COMMENT ON COLUMN "marts_base"."product_sales_daily"."line_type" IS 'Kind of line';
COMMENT ON COLUMN "marts_base"."product_sales_daily"."currency" IS 'ISO 4217 code';
COMMENT ON COLUMN "marts_base"."product_sales_daily"."gross_sales_micros" IS 'Price x quantity of sold lines';
COMMENT ON COLUMN "marts_base"."product_sales_daily"."discounts_micros" IS 'Line discounts and shares of order discounts';
COMMENT ON COLUMN "marts_base"."product_sales_daily"."returns_micros" IS 'Value of returned and cancelled lines, on the return''s day';
COMMENT ON COLUMN "marts_base"."product_sales_daily"."net_sales_micros" IS 'gross_sales - discounts - returns';
COMMENT ON COLUMN "marts_base"."product_sales_daily"."orders" IS 'Orders that sold the product that day, by order day';
COMMENT ON COLUMN "marts_base"."product_sales_daily"."units_sold" IS 'Units of sold lines';
COMMENT ON COLUMN "marts_base"."product_sales_daily"."units_returned" IS 'Units of returned and cancelled lines';

CREATE TABLE "marts_base"."customer_orders" (
    "ordered_hour" timestamp with time zone NOT NULL,
    "source" text NOT NULL,
    "order_id" text NOT NULL,
    "customer_id" text,
    "ordered_at" timestamp with time zone NOT NULL,
    "order_number" bigint,
    "is_first_order" boolean,
    "days_since_previous" bigint,
    "currency" text NOT NULL,
    "gross_sales_micros" bigint NOT NULL,
    "discounts_micros" bigint NOT NULL,
    "returns_micros" bigint NOT NULL,
    "net_sales_micros" bigint NOT NULL,
    "units_sold" bigint NOT NULL,
    PRIMARY KEY ("ordered_hour", "source", "order_id")) PARTITION BY RANGE ("ordered_hour"
);
COMMENT ON TABLE "marts_base"."customer_orders" IS 'One row per order with sales, with its place in the customer''s history.';
COMMENT ON COLUMN "marts_base"."customer_orders"."ordered_hour" IS 'Hour in which the order was placed';
COMMENT ON COLUMN "marts_base"."customer_orders"."source" IS 'Name of the source';
COMMENT ON COLUMN "marts_base"."customer_orders"."order_id" IS 'The order';
COMMENT ON COLUMN "marts_base"."customer_orders"."customer_id" IS 'The customer; null for a guest';
COMMENT ON COLUMN "marts_base"."customer_orders"."ordered_at" IS 'When the order was placed';
COMMENT ON COLUMN "marts_base"."customer_orders"."order_number" IS '1 for the customer''s first order; null for a guest';
COMMENT ON COLUMN "marts_base"."customer_orders"."is_first_order" IS 'The customer''s first order ever; null for a guest';
COMMENT ON COLUMN "marts_base"."customer_orders"."days_since_previous" IS 'Days since the customer''s order before';
COMMENT ON COLUMN "marts_base"."customer_orders"."currency" IS 'ISO 4217 code';
COMMENT ON COLUMN "marts_base"."customer_orders"."gross_sales_micros" IS 'Price x quantity of sold lines';
COMMENT ON COLUMN "marts_base"."customer_orders"."discounts_micros" IS 'Line discounts and shares of order discounts';
COMMENT ON COLUMN "marts_base"."customer_orders"."returns_micros" IS 'Value of returned and cancelled lines so far';
COMMENT ON COLUMN "marts_base"."customer_orders"."net_sales_micros" IS 'gross_sales - discounts - returns';
COMMENT ON COLUMN "marts_base"."customer_orders"."units_sold" IS 'Units of sold lines';
CREATE INDEX "customer_orders_source_customer_id" ON "marts_base"."customer_orders" ("source", "customer_id");

CREATE TABLE "marts_base"."funnel_hourly" (
    "hour" timestamp with time zone NOT NULL,
    "source" text NOT NULL,
    "sessions" bigint NOT NULL,
    "view_sessions" bigint NOT NULL,
    "product_sessions" bigint NOT NULL,
    "cart_sessions" bigint NOT NULL,
    "checkout_sessions" bigint NOT NULL,
    "purchase_sessions" bigint NOT NULL,
    "bot_sessions" bigint NOT NULL,
    "converted_sessions" bigint NOT NULL,
    "conversion_rate" double precision,
    PRIMARY KEY ("hour", "source")
);
COMMENT ON TABLE "marts_base"."funnel_hourly" IS 'Web sessions by the hour (UTC) they began in, and how far they came.';
COMMENT ON COLUMN "marts_base"."funnel_hourly"."hour" IS 'Start of the hour, UTC';
COMMENT ON COLUMN "marts_base"."funnel_hourly"."source" IS 'Name of the source';
COMMENT ON COLUMN "marts_base"."funnel_hourly"."sessions" IS 'Sessions begun';
COMMENT ON COLUMN "marts_base"."funnel_hourly"."view_sessions" IS '... that viewed a page';
COMMENT ON COLUMN "marts_base"."funnel_hourly"."product_sessions" IS '... then a product';
COMMENT ON COLUMN "marts_base"."funnel_hourly"."cart_sessions" IS '... then added to the cart';
COMMENT ON COLUMN "marts_base"."funnel_hourly"."checkout_sessions" IS '... then began the checkout';
COMMENT ON COLUMN "marts_base"."funnel_hourly"."purchase_sessions" IS '... then bought';
COMMENT ON COLUMN "marts_base"."funnel_hourly"."bot_sessions" IS 'Sessions of programs, in no other figure';
COMMENT ON COLUMN "marts_base"."funnel_hourly"."converted_sessions" IS 'Sessions with a purchase, whatever came before';
COMMENT ON COLUMN "marts_base"."funnel_hourly"."conversion_rate" IS 'converted_sessions / sessions; null without sessions';

CREATE TABLE "marts_base"."inventory_hourly" (
    "hour" timestamp with time zone NOT NULL,
    "source" text NOT NULL,
    "product_id" text NOT NULL,
    "location_id" text NOT NULL,
    "available" bigint NOT NULL,
    "committed" bigint NOT NULL,
    "unavailable" bigint NOT NULL,
    "on_hand" bigint NOT NULL,
    "units_in" bigint NOT NULL,
    "units_out" bigint NOT NULL,
    "is_stockout" boolean NOT NULL,
    PRIMARY KEY ("hour", "source", "product_id", "location_id")) PARTITION BY RANGE ("hour"
);
COMMENT ON TABLE "marts_base"."inventory_hourly" IS 'Stock per product and location at the end of each hour (UTC).';
COMMENT ON COLUMN "marts_base"."inventory_hourly"."hour" IS 'Start of the hour, UTC';
COMMENT ON COLUMN "marts_base"."inventory_hourly"."source" IS 'Name of the source';
COMMENT ON COLUMN "marts_base"."inventory_hourly"."product_id" IS 'The product';
COMMENT ON COLUMN "marts_base"."inventory_hourly"."location_id" IS 'The warehouse or shop';
COMMENT ON COLUMN "marts_base"."inventory_hourly"."available" IS 'Units that can be sold at the end; negative when oversold';
COMMENT ON COLUMN "marts_base"."inventory_hourly"."committed" IS 'Units promised to orders at the end';
COMMENT ON COLUMN "marts_base"."inventory_hourly"."unavailable" IS 'Damaged, safety stock, quality control';
COMMENT ON COLUMN "marts_base"."inventory_hourly"."on_hand" IS 'available + committed + unavailable';
COMMENT ON COLUMN "marts_base"."inventory_hourly"."units_in" IS 'Units that came in the hour';
COMMENT ON COLUMN "marts_base"."inventory_hourly"."units_out" IS 'Units that left in the hour';
COMMENT ON COLUMN "marts_base"."inventory_hourly"."is_stockout" IS 'available <= 0 at the end of the hour';

CREATE TABLE "marts_base"."ad_spend_daily" (
    "day" date NOT NULL,
    "source" text NOT NULL,
    "campaign_id" text NOT NULL,
    "campaign_name" text,
    "currency" text NOT NULL,
    "spend_micros" bigint NOT NULL,
    "impressions" bigint NOT NULL,
    "clicks" bigint NOT NULL,
    "cost_per_click_micros" bigint,
    PRIMARY KEY ("day", "source", "campaign_id", "currency")
);
COMMENT ON TABLE "marts_base"."ad_spend_daily" IS 'Advertising cost by day of the platform''s account and campaign.';
COMMENT ON COLUMN "marts_base"."ad_spend_daily"."day" IS 'Day in the account''s time zone';
COMMENT ON COLUMN "marts_base"."ad_spend_daily"."source" IS 'Name of the ad platform''s source';
COMMENT ON COLUMN "marts_base"."ad_spend_daily"."campaign_id" IS 'The platform''s id of the campaign';
COMMENT ON COLUMN "marts_base"."ad_spend_daily"."campaign_name" IS 'Name';
COMMENT ON COLUMN "marts_base"."ad_spend_daily"."currency" IS 'ISO 4217 code';
COMMENT ON COLUMN "marts_base"."ad_spend_daily"."spend_micros" IS 'Cost';
COMMENT ON COLUMN "marts_base"."ad_spend_daily"."impressions" IS 'Times shown';
COMMENT ON COLUMN "marts_base"."ad_spend_daily"."clicks" IS 'Clicks';
COMMENT ON COLUMN "marts_base"."ad_spend_daily"."cost_per_click_micros" IS 'spend / clicks; null without clicks';

CREATE TABLE "marts_base"."data_quality_hourly" (
    "hour" timestamp with time zone NOT NULL,
    "source" text NOT NULL,
    "stream" text NOT NULL,
    "entity" text NOT NULL,
    "rows_read" bigint NOT NULL,
    "rows_published" bigint NOT NULL,
    "rows_repaired" bigint NOT NULL,
    "rows_quarantined" bigint NOT NULL,
    "rows_deduplicated" bigint NOT NULL,
    "rows_folded" bigint NOT NULL,
    "accuracy" double precision,
    PRIMARY KEY ("hour", "source", "stream", "entity")
);
COMMENT ON TABLE "marts_base"."data_quality_hourly" IS 'What became of the rows that each source hour brought.';
COMMENT ON COLUMN "marts_base"."data_quality_hourly"."hour" IS 'Hour of change, UTC';
COMMENT ON COLUMN "marts_base"."data_quality_hourly"."source" IS 'Name of the source';
COMMENT ON COLUMN "marts_base"."data_quality_hourly"."stream" IS 'Table or files of the source';
COMMENT ON COLUMN "marts_base"."data_quality_hourly"."entity" IS 'Entity that the rows became';
COMMENT ON COLUMN "marts_base"."data_quality_hourly"."rows_read" IS 'Rows read';
COMMENT ON COLUMN "marts_base"."data_quality_hourly"."rows_published" IS 'Rows that became the entity''s';
COMMENT ON COLUMN "marts_base"."data_quality_hourly"."rows_repaired" IS 'Published rows that a rule had mended';
COMMENT ON COLUMN "marts_base"."data_quality_hourly"."rows_quarantined" IS 'Rows set aside with a reason';
COMMENT ON COLUMN "marts_base"."data_quality_hourly"."rows_deduplicated" IS 'Rows delivered again or superseded';
COMMENT ON COLUMN "marts_base"."data_quality_hourly"."rows_folded" IS 'Rows that share an entity row (a customer in many lines)';
COMMENT ON COLUMN "marts_base"."data_quality_hourly"."accuracy" IS 'Published without repair / read, repeats apart; null without rows';

CREATE TABLE "analytics_base"."sales_summary" (
    "period" text NOT NULL,
    "currency" text NOT NULL,
    "from_day" date NOT NULL,
    "to_day" date NOT NULL,
    "gross_sales_micros" bigint NOT NULL,
    "discounts_micros" bigint NOT NULL,
    "returns_micros" bigint NOT NULL,
    "net_sales_micros" bigint NOT NULL,
    "total_sales_micros" bigint NOT NULL,
    "orders" bigint NOT NULL,
    "units_sold" bigint NOT NULL,
    "aov_net_micros" bigint,
    PRIMARY KEY ("period", "currency")
);
COMMENT ON TABLE "analytics_base"."sales_summary" IS 'Sales of today, yesterday, the last 7 and 28 days, as a dashboard shows them.';
COMMENT ON COLUMN "analytics_base"."sales_summary"."period" IS 'today, yesterday, last_7_days, last_28_days';
COMMENT ON COLUMN "analytics_base"."sales_summary"."currency" IS 'ISO 4217 code';
COMMENT ON COLUMN "analytics_base"."sales_summary"."from_day" IS 'First day of the period, shop''s time zone';
COMMENT ON COLUMN "analytics_base"."sales_summary"."to_day" IS 'Last day of the period';
COMMENT ON COLUMN "analytics_base"."sales_summary"."gross_sales_micros" IS 'As in sales_daily';
COMMENT ON COLUMN "analytics_base"."sales_summary"."discounts_micros" IS 'As in sales_daily';
COMMENT ON COLUMN "analytics_base"."sales_summary"."returns_micros" IS 'As in sales_daily';
COMMENT ON COLUMN "analytics_base"."sales_summary"."net_sales_micros" IS 'As in sales_daily';
COMMENT ON COLUMN "analytics_base"."sales_summary"."total_sales_micros" IS 'As in sales_daily';
COMMENT ON COLUMN "analytics_base"."sales_summary"."orders" IS 'As in sales_daily';
COMMENT ON COLUMN "analytics_base"."sales_summary"."units_sold" IS 'As in sales_daily';
COMMENT ON COLUMN "analytics_base"."sales_summary"."aov_net_micros" IS 'net_sales / orders; null without orders';

CREATE TABLE "analytics_base"."stock_alerts" (
    "source" text NOT NULL,
    "product_id" text NOT NULL,
    "location_id" text NOT NULL,
    "as_of" timestamp with time zone NOT NULL,
    "severity" text NOT NULL,
    "available" bigint NOT NULL,
    "daily_units" double precision,
    "days_of_cover" double precision,
    "lead_time_days" bigint NOT NULL,
    PRIMARY KEY ("source", "product_id", "location_id")
);
COMMENT ON TABLE "analytics_base"."stock_alerts" IS 'What is out of stock, or will be within its lead time.';
COMMENT ON COLUMN "analytics_base"."stock_alerts"."source" IS 'Name of the source';
COMMENT ON COLUMN "analytics_base"."stock_alerts"."product_id" IS 'The product';
COMMENT ON COLUMN "analytics_base"."stock_alerts"."location_id" IS 'The warehouse or shop';
COMMENT ON COLUMN "analytics_base"."stock_alerts"."as_of" IS 'Hour that the figures are of';
COMMENT ON COLUMN "analytics_base"."stock_alerts"."severity" IS 'out_of_stock or low';
COMMENT ON COLUMN "analytics_base"."stock_alerts"."available" IS 'Units that can be sold';
COMMENT ON COLUMN "analytics_base"."stock_alerts"."daily_units" IS 'Units sold a day over in-stock days';
COMMENT ON COLUMN "analytics_base"."stock_alerts"."days_of_cover" IS 'available / daily_units; null without demand';
COMMENT ON COLUMN "analytics_base"."stock_alerts"."lead_time_days" IS 'Days from reorder to delivery';

CREATE TABLE "analytics_base"."customer_rfm" (
    "source" text NOT NULL,
    "customer_id" text NOT NULL,
    "currency" text NOT NULL,
    "as_of" date NOT NULL,
    "last_order_day" date,
    "recency_days" bigint,
    "frequency" bigint NOT NULL,
    "monetary_micros" bigint NOT NULL,
    "r_score" bigint,
    "f_score" bigint,
    "m_score" bigint,
    "segment" text NOT NULL,
    PRIMARY KEY ("source", "customer_id", "currency")
);
COMMENT ON TABLE "analytics_base"."customer_rfm" IS 'Recency, frequency and money of each customer, with Shopify''s segment names.';
COMMENT ON COLUMN "analytics_base"."customer_rfm"."source" IS 'Name of the source';
COMMENT ON COLUMN "analytics_base"."customer_rfm"."customer_id" IS 'The customer';
COMMENT ON COLUMN "analytics_base"."customer_rfm"."currency" IS 'ISO 4217 code';
COMMENT ON COLUMN "analytics_base"."customer_rfm"."as_of" IS 'Day that recency counts back from';
COMMENT ON COLUMN "analytics_base"."customer_rfm"."last_order_day" IS 'Day of the last order';
COMMENT ON COLUMN "analytics_base"."customer_rfm"."recency_days" IS 'Days since the last order';
COMMENT ON COLUMN "analytics_base"."customer_rfm"."frequency" IS 'Orders ever';
COMMENT ON COLUMN "analytics_base"."customer_rfm"."monetary_micros" IS 'Net sales ever';
COMMENT ON COLUMN "analytics_base"."customer_rfm"."r_score" IS '1 to 5, 5 is most recent';
COMMENT ON COLUMN "analytics_base"."customer_rfm"."f_score" IS '1 to 5, 5 is most often';
COMMENT ON COLUMN "analytics_base"."customer_rfm"."m_score" IS '1 to 5, 5 is most money';
COMMENT ON COLUMN "analytics_base"."customer_rfm"."segment" IS 'Segment';

CREATE VIEW "marts"."sales_hourly" AS SELECT
    "hour",
    "currency",
    "gross_sales_micros" * 0.000001 AS "gross_sales",
    "discounts_micros" * 0.000001 AS "discounts",
    "returns_micros" * 0.000001 AS "returns",
    "net_sales_micros" * 0.000001 AS "net_sales",
    "shipping_micros" * 0.000001 AS "shipping",
    "taxes_micros" * 0.000001 AS "taxes",
    "total_sales_micros" * 0.000001 AS "total_sales",
    "adjustments_micros" * 0.000001 AS "adjustments",
    "orders",
    "units_sold",
    "units_returned"
FROM "marts_base"."sales_hourly";

CREATE VIEW "marts"."sales_daily" AS SELECT
    "day",
    "currency",
    "gross_sales_micros" * 0.000001 AS "gross_sales",
    "discounts_micros" * 0.000001 AS "discounts",
    "returns_micros" * 0.000001 AS "returns",
    "net_sales_micros" * 0.000001 AS "net_sales",
    "shipping_micros" * 0.000001 AS "shipping",
    "taxes_micros" * 0.000001 AS "taxes",
    "total_sales_micros" * 0.000001 AS "total_sales",
    "adjustments_micros" * 0.000001 AS "adjustments",
    "orders",
    "units_sold",
    "units_returned",
    "new_customer_orders",
    "repeat_orders",
    "guest_orders",
    "aov_net_micros" * 0.000001 AS "aov_net",
    "aov_total_micros" * 0.000001 AS "aov_total"
FROM "marts_base"."sales_daily";

CREATE VIEW "marts"."product_sales_daily" AS SELECT
    "day",
    "source",
    "product_id",
    "line_type",
    "currency",
    "gross_sales_micros" * 0.000001 AS "gross_sales",
    "discounts_micros" * 0.000001 AS "discounts",
    "returns_micros" * 0.000001 AS "returns",
    "net_sales_micros" * 0.000001 AS "net_sales",
    "orders",
    "units_sold",
    "units_returned"
FROM "marts_base"."product_sales_daily";

CREATE VIEW "marts"."customer_orders" AS SELECT
    "ordered_hour",
    "source",
    "order_id",
    "customer_id",
    "ordered_at",
    "order_number",
    "is_first_order",
    "days_since_previous",
    "currency",
    "gross_sales_micros" * 0.000001 AS "gross_sales",
    "discounts_micros" * 0.000001 AS "discounts",
    "returns_micros" * 0.000001 AS "returns",
    "net_sales_micros" * 0.000001 AS "net_sales",
    "units_sold"
FROM "marts_base"."customer_orders";

CREATE VIEW "marts"."funnel_hourly" AS SELECT
    "hour",
    "source",
    "sessions",
    "view_sessions",
    "product_sessions",
    "cart_sessions",
    "checkout_sessions",
    "purchase_sessions",
    "bot_sessions",
    "converted_sessions",
    "conversion_rate"
FROM "marts_base"."funnel_hourly";

CREATE VIEW "marts"."inventory_hourly" AS SELECT
    "hour",
    "source",
    "product_id",
    "location_id",
    "available",
    "committed",
    "unavailable",
    "on_hand",
    "units_in",
    "units_out",
    "is_stockout"
FROM "marts_base"."inventory_hourly";

CREATE VIEW "marts"."ad_spend_daily" AS SELECT
    "day",
    "source",
    "campaign_id",
    "campaign_name",
    "currency",
    "spend_micros" * 0.000001 AS "spend",
    "impressions",
    "clicks",
    "cost_per_click_micros" * 0.000001 AS "cost_per_click"
FROM "marts_base"."ad_spend_daily";

CREATE VIEW "marts"."data_quality_hourly" AS SELECT
    "hour",
    "source",
    "stream",
    "entity",
    "rows_read",
    "rows_published",
    "rows_repaired",
    "rows_quarantined",
    "rows_deduplicated",
    "rows_folded",
    "accuracy"
FROM "marts_base"."data_quality_hourly";

CREATE VIEW "analytics"."sales_summary" AS SELECT
    "period",
    "currency",
    "from_day",
    "to_day",
    "gross_sales_micros" * 0.000001 AS "gross_sales",
    "discounts_micros" * 0.000001 AS "discounts",
    "returns_micros" * 0.000001 AS "returns",
    "net_sales_micros" * 0.000001 AS "net_sales",
    "total_sales_micros" * 0.000001 AS "total_sales",
    "orders",
    "units_sold",
    "aov_net_micros" * 0.000001 AS "aov_net"
FROM "analytics_base"."sales_summary";

CREATE VIEW "analytics"."stock_alerts" AS SELECT
    "source",
    "product_id",
    "location_id",
    "as_of",
    "severity",
    "available",
    "daily_units",
    "days_of_cover",
    "lead_time_days"
FROM "analytics_base"."stock_alerts";

CREATE VIEW "analytics"."customer_rfm" AS SELECT
    "source",
    "customer_id",
    "currency",
    "as_of",
    "last_order_day",
    "recency_days",
    "frequency",
    "monetary_micros" * 0.000001 AS "monetary",
    "r_score",
    "f_score",
    "m_score",
    "segment"
FROM "analytics_base"."customer_rfm";

CREATE VIEW "marts"."sales_ledger" AS SELECT
    "source",
    "order_id",
    "item_id",
    "kind",
    "event_id",
    "happened_at",
    "ordered_at",
    "customer_id",
    "product_id",
    "line_type",
    "quantity",
    "amount_micros" * 0.000001 AS "amount",
    "currency",
    "is_test"
FROM "warehouse"."sales_ledger" WHERE NOT is_test;

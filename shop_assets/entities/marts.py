"""The aggregates that people look at, and the first analytics built on them."""

from __future__ import annotations

from pandera.typing import Series

from shop_assets.entities.commerce import LINE_TYPES
from shop_assets.entities.model import Bool, Date, Float, Int, Table, Text, Timestamp, column

RFM_SEGMENTS = [
    "CHAMPIONS",
    "LOYAL",
    "ACTIVE",
    "NEW",
    "PROMISING",
    "NEEDS_ATTENTION",
    "ALMOST_LOST",
    "AT_RISK",
    "PREVIOUSLY_LOYAL",
    "DORMANT",
    "PROSPECTS",
]


class SalesHourly(Table):
    """Sales by hour (UTC) and currency: sums over the sales ledger by the hour it happened in."""

    hour: Series[Timestamp] = column("Start of the hour, UTC", key=True)
    currency: Series[Text] = column("ISO 4217 code", key=True)
    gross_sales_micros: Series[Int] = column("Price x quantity of sold lines")
    discounts_micros: Series[Int] = column("Line discounts and shares of order discounts")
    returns_micros: Series[Int] = column(
        "Value of returned and cancelled lines, at the return's hour"
    )
    net_sales_micros: Series[Int] = column("gross_sales - discounts - returns")
    shipping_micros: Series[Int] = column("Charged minus refunded")
    taxes_micros: Series[Int] = column("Charged minus refunded")
    total_sales_micros: Series[Int] = column("net_sales + shipping + taxes")
    adjustments_micros: Series[Int] = column("Corrections outside sales, such as bad debt")
    orders: Series[Int] = column("Orders with at least one sale, at the order's hour", ge=0)
    units_sold: Series[Int] = column("Units of sold lines")
    units_returned: Series[Int] = column("Units of returned and cancelled lines")


class SalesDaily(Table):
    """Sales by day of the shop's time zone and currency."""

    day: Series[Date] = column("Day of the shop's time zone", key=True)
    currency: Series[Text] = column("ISO 4217 code", key=True)
    gross_sales_micros: Series[Int] = column("Price x quantity of sold lines")
    discounts_micros: Series[Int] = column("Line discounts and shares of order discounts")
    returns_micros: Series[Int] = column(
        "Value of returned and cancelled lines, on the return's day"
    )
    net_sales_micros: Series[Int] = column("gross_sales - discounts - returns")
    shipping_micros: Series[Int] = column("Charged minus refunded")
    taxes_micros: Series[Int] = column("Charged minus refunded")
    total_sales_micros: Series[Int] = column("net_sales + shipping + taxes")
    adjustments_micros: Series[Int] = column("Corrections outside sales, such as bad debt")
    orders: Series[Int] = column("Orders with at least one sale, on the order's day", ge=0)
    units_sold: Series[Int] = column("Units of sold lines")
    units_returned: Series[Int] = column("Units of returned and cancelled lines")
    new_customer_orders: Series[Int] = column("Orders that are a customer's first ever", ge=0)
    repeat_orders: Series[Int] = column("Orders of customers who had ordered before", ge=0)
    guest_orders: Series[Int] = column("Orders that name no customer", ge=0)
    aov_net_micros: Series[Int] = column("net_sales / orders; null without orders", nullable=True)
    aov_total_micros: Series[Int] = column(
        "total_sales / orders; null without orders", nullable=True
    )


class ProductSalesDaily(Table):
    """Sales by day of the shop's time zone, product, kind of line and currency."""

    day: Series[Date] = column("Day of the shop's time zone", key=True)
    source: Series[Text] = column("Name of the source", key=True)
    product_id: Series[Text] = column("The product; '' where the line names none", key=True)
    line_type: Series[Text] = column("Kind of line", key=True, isin=LINE_TYPES)
    currency: Series[Text] = column("ISO 4217 code", key=True)
    category: Series[Text] = column(
        "The product's category at the end of the day, or the first that is known",
        nullable=True,
    )
    gross_sales_micros: Series[Int] = column("Price x quantity of sold lines")
    discounts_micros: Series[Int] = column("Line discounts and shares of order discounts")
    returns_micros: Series[Int] = column(
        "Value of returned and cancelled lines, on the return's day"
    )
    net_sales_micros: Series[Int] = column("gross_sales - discounts - returns")
    orders: Series[Int] = column("Orders that sold the product that day, by order day", ge=0)
    units_sold: Series[Int] = column("Units of sold lines")
    units_returned: Series[Int] = column("Units of returned and cancelled lines")


class CustomerOrders(Table):
    """One row per order with sales, with its place in the customer's history.

    The sums are those of the order's whole ledger, whenever they happened, in the order's currency.
    """

    ordered_hour: Series[Timestamp] = column("Hour in which the order was placed", key=True)
    source: Series[Text] = column("Name of the source", key=True)
    order_id: Series[Text] = column("The order", key=True)
    customer_id: Series[Text] = column("The customer; null for a guest", nullable=True)
    ordered_at: Series[Timestamp] = column("When the order was placed")
    order_number: Series[Int] = column(
        "1 for the customer's first order; null for a guest", nullable=True, ge=1
    )
    is_first_order: Series[Bool] = column(
        "The customer's first order ever; null for a guest", nullable=True
    )
    days_since_previous: Series[Int] = column(
        "Days since the customer's order before", nullable=True, ge=0
    )
    currency: Series[Text] = column(
        "ISO 4217 code; of lines sold in several the first in the alphabet"
    )
    gross_sales_micros: Series[Int] = column("Price x quantity of sold lines")
    discounts_micros: Series[Int] = column("Line discounts and shares of order discounts")
    returns_micros: Series[Int] = column("Value of returned and cancelled lines so far")
    net_sales_micros: Series[Int] = column("gross_sales - discounts - returns")
    units_sold: Series[Int] = column("Units of sold lines")


class FunnelHourly(Table):
    """Web sessions by the hour (UTC) they began in, and how far they came.

    A step counts when all steps before it were reached, in order. Bots are counted apart.
    """

    hour: Series[Timestamp] = column("Start of the hour, UTC", key=True)
    source: Series[Text] = column("Name of the source", key=True)
    sessions: Series[Int] = column("Sessions begun", ge=0)
    view_sessions: Series[Int] = column("... that viewed a page", ge=0)
    product_sessions: Series[Int] = column("... then a product", ge=0)
    cart_sessions: Series[Int] = column("... then added to the cart", ge=0)
    checkout_sessions: Series[Int] = column("... then began the checkout", ge=0)
    purchase_sessions: Series[Int] = column("... then bought", ge=0)
    bot_sessions: Series[Int] = column("Sessions of programs, in no other figure", ge=0)
    converted_sessions: Series[Int] = column("Sessions with a purchase, whatever came before", ge=0)
    conversion_rate: Series[Float] = column(
        "converted_sessions / sessions; null without sessions", nullable=True
    )


class InventoryHourly(Table):
    """Stock per product and location at the end of each hour (UTC)."""

    hour: Series[Timestamp] = column("Start of the hour, UTC", key=True)
    source: Series[Text] = column("Name of the source", key=True)
    product_id: Series[Text] = column("The product", key=True)
    location_id: Series[Text] = column("The warehouse or shop", key=True)
    available: Series[Int] = column("Units that can be sold at the end; negative when oversold")
    committed: Series[Int] = column("Units promised to orders at the end")
    unavailable: Series[Int] = column("Damaged, safety stock, quality control")
    on_hand: Series[Int] = column("available + committed + unavailable")
    units_in: Series[Int] = column("Units that came in the hour", ge=0)
    units_out: Series[Int] = column("Units that left in the hour", ge=0)
    is_stockout: Series[Bool] = column("available <= 0 at the end of the hour")


class AdSpendDaily(Table):
    """Advertising cost by day of the platform's account and campaign."""

    day: Series[Date] = column("Day in the account's time zone", key=True)
    source: Series[Text] = column("Name of the ad platform's source", key=True)
    campaign_id: Series[Text] = column("The platform's id of the campaign", key=True)
    campaign_name: Series[Text] = column("Name", nullable=True)
    currency: Series[Text] = column("ISO 4217 code", key=True)
    spend_micros: Series[Int] = column("Cost", ge=0)
    impressions: Series[Int] = column("Times shown", ge=0)
    clicks: Series[Int] = column("Clicks", ge=0)
    cost_per_click_micros: Series[Int] = column(
        "spend / clicks; null without clicks", nullable=True
    )


class DataQualityHourly(Table):
    """What became of the rows that each source hour brought."""

    hour: Series[Timestamp] = column("Hour of change, UTC", key=True)
    source: Series[Text] = column("Name of the source", key=True)
    stream: Series[Text] = column("Table or files of the source", key=True)
    entity: Series[Text] = column("Entity that the rows became", key=True)
    rows_read: Series[Int] = column("Rows read", ge=0)
    rows_published: Series[Int] = column("Rows that became the entity's", ge=0)
    rows_repaired: Series[Int] = column("Published rows that a rule had mended", ge=0)
    rows_quarantined: Series[Int] = column("Rows set aside with a reason", ge=0)
    rows_deduplicated: Series[Int] = column("Rows delivered again or superseded", ge=0)
    rows_folded: Series[Int] = column(
        "Rows that share an entity row (a customer in many lines)", ge=0
    )
    accuracy: Series[Float] = column(
        "Published without repair / read, repeats apart; null without rows", nullable=True
    )


class SalesSummary(Table):
    """Sales of today, yesterday, the last 7 and 28 days, as a dashboard shows them."""

    period: Series[Text] = column("today, yesterday, last_7_days, last_28_days", key=True)
    currency: Series[Text] = column("ISO 4217 code", key=True)
    from_day: Series[Date] = column("First day of the period, shop's time zone")
    to_day: Series[Date] = column("Last day of the period")
    gross_sales_micros: Series[Int] = column("As in sales_daily")
    discounts_micros: Series[Int] = column("As in sales_daily")
    returns_micros: Series[Int] = column("As in sales_daily")
    net_sales_micros: Series[Int] = column("As in sales_daily")
    total_sales_micros: Series[Int] = column("As in sales_daily")
    orders: Series[Int] = column("As in sales_daily", ge=0)
    units_sold: Series[Int] = column("As in sales_daily")
    aov_net_micros: Series[Int] = column("net_sales / orders; null without orders", nullable=True)


class StockAlerts(Table):
    """What is out of stock, or will be within its lead time."""

    source: Series[Text] = column("Name of the source", key=True)
    product_id: Series[Text] = column("The product", key=True)
    location_id: Series[Text] = column("The warehouse or shop", key=True)
    as_of: Series[Timestamp] = column("Hour that the figures are of")
    severity: Series[Text] = column("out_of_stock or low", isin=["out_of_stock", "low"])
    available: Series[Int] = column("Units that can be sold")
    daily_units: Series[Float] = column("Units sold a day over in-stock days", nullable=True)
    days_of_cover: Series[Float] = column(
        "available / daily_units; null without demand", nullable=True
    )
    lead_time_days: Series[Int] = column("Days from reorder to delivery", ge=0)


class CustomerRfm(Table):
    """Recency, frequency and money of each customer, with Shopify's segment names.

    The table has who has ordered. The view shows all other customers beside them, as PROSPECTS of
    currency XXX, ISO 4217's code for none.
    """

    source: Series[Text] = column("Name of the source", key=True)
    customer_id: Series[Text] = column("The customer", key=True)
    currency: Series[Text] = column("ISO 4217 code", key=True)
    as_of: Series[Date] = column("Day that recency counts back from")
    last_order_day: Series[Date] = column("Day of the last order", nullable=True)
    recency_days: Series[Int] = column("Days since the last order", nullable=True, ge=0)
    frequency: Series[Int] = column("Orders ever", ge=0)
    monetary_micros: Series[Int] = column("Net sales ever")
    r_score: Series[Int] = column("1 to 5, 5 is most recent", nullable=True, ge=1, le=5)
    f_score: Series[Int] = column("1 to 5, 5 is most often", nullable=True, ge=1, le=5)
    m_score: Series[Int] = column("1 to 5, 5 is most money", nullable=True, ge=1, le=5)
    segment: Series[Text] = column("Segment", isin=RFM_SEGMENTS)

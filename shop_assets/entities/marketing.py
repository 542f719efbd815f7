"""Campaigns, what they cost, and the contacts they reach."""

from __future__ import annotations

from pandera.typing import Series

from shop_assets.entities.model import Bool, Date, Int, Table, Text, Timestamp, column


class Campaigns(Table):
    """One row per advertising campaign, in its newest version."""

    source: Series[Text] = column("Name of the ad platform's source", key=True)
    campaign_id: Series[Text] = column("The platform's id", key=True)
    name: Series[Text] = column("Name", nullable=True)
    channel: Series[Text] = column("search, social, display, ...", nullable=True)
    status: Series[Text] = column("State at the platform", nullable=True)
    started_on: Series[Date] = column("First day", nullable=True)
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")


class AdSpend(Table):
    """One row per campaign and day of the platform's account, in its newest restatement."""

    source: Series[Text] = column("Name of the ad platform's source", key=True)
    campaign_id: Series[Text] = column("The platform's id of the campaign", key=True)
    day: Series[Date] = column("Day in the account's time zone", key=True)
    spend_micros: Series[Int] = column("Cost, micros of `currency`", ge=0)
    currency: Series[Text] = column("ISO 4217 code", str_matches=r"^[A-Z]{3}$")
    impressions: Series[Int] = column("Times shown", ge=0)
    clicks: Series[Int] = column("Clicks", ge=0)
    version_at: Series[Timestamp] = column("When the platform gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")


class CrmContacts(Table):
    """One row per contact of the CRM, in its newest version."""

    source: Series[Text] = column("Name of the source", key=True)
    contact_id: Series[Text] = column("The CRM's id", key=True)
    customer_id: Series[Text] = column("The shop's customer, where known", nullable=True)
    email: Series[Text] = column("E-mail address, lower case", pii=True, nullable=True)
    name: Series[Text] = column("Full name", pii=True, nullable=True)
    segment: Series[Text] = column("Segment that the CRM gives", nullable=True)
    marketing_consent: Series[Bool] = column("Has agreed to marketing", nullable=True)
    created_at: Series[Timestamp] = column("When the contact was made", nullable=True)
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")

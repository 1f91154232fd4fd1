"""One WebSocket session: its subscriptions and the commands that change them (facts §2.1, §2.4, §2.5).

Everything is text in, text out through `send`, so the whole protocol can be tested without a socket.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from engine.venues.simulated import frames
from engine.venues.simulated.account import Account
from engine.venues.simulated.channels import (
    CHANNELS,
    MOST_COMMANDS_A_SECOND,
    MOST_MARKETS,
    NEEDS_MARKETS,
    UNFILTERED,
    CommandError,
    Subscription,
    actions,
    by_ticker,
    check_shards,
    distinct,
    flag,
    listed,
)
from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.faults import STREAM, FaultName, Faults
from engine.venues.simulated.happenings import Quoted
from engine.venues.simulated.market import RecordedFrame


@dataclass(slots=True, eq=False)
class Session:
    """One connection. `send` takes a finished frame, `sent_ms` is the real time that frames are stamped with."""

    exchange: Exchange
    account: Account
    send: Callable[[str], None]
    sent_ms: Callable[[], int]
    faults: Faults = field(default_factory=Faults)
    whole_member: bool = True
    channels: dict[str, Subscription] = field(default_factory=dict)
    _sids: int = 0
    _second: int = 0
    _commands: int = 0
    _held: list[str] = field(default_factory=list)

    def hears(self, account: Account) -> bool:
        """Whether private frames of `account` are for this session: of the member, or of the key's one subaccount."""
        return account is self.account or (self.whole_member and account.member is self.account.member)

    def handle(self, command: str) -> None:
        """Answer one command."""
        number: object = None
        try:
            content = orjson.loads(command)
            if not isinstance(content, dict):
                raise CommandError(1, "Unable to process message")
            number = _number(content.get("id"))
            self._count_command()
            self._command(number, content)
        except orjson.JSONDecodeError:
            self._error(number, CommandError(1, "Unable to process message"))
        except CommandError as error:
            self._error(number, error)

    def frame(
        self, kind: str, subscription: Subscription, message: str, *, numbered: bool, command: object = None
    ) -> None:
        """Send a frame of a subscription; `numbered` ones consume the next seq."""
        if self.faults and numbered and (gap := self.faults.fires(FaultName.GAP, subscription.channel)) is not None:
            subscription.seq += round(gap.number())
        seq = f',"seq":{subscription.next_seq()}' if numbered else ""
        reply = f',"id":{frames.text(command)}' if command is not None else ""
        stamped = f'{reply},"sending_ts_ms":{self.sent_ms()}'
        self._pass(
            subscription.channel, f'{{"type":"{kind}","sid":{subscription.sid}{seq}{stamped},"msg":{message}}}\n'
        )

    def send_recorded(self, subscription: Subscription, recorded: RecordedFrame) -> bool:
        """Send a recorded frame byte for byte, if it is what this subscription has to send next."""
        if not recorded.fits(subscription.sid, subscription.seq + 1, use_yes_price=subscription.use_yes_price):
            return False
        subscription.seq += 1
        self._pass(subscription.channel, recorded.text)
        return True

    def overflow(self) -> None:
        """Tell a reader that was too slow, and end every subscription of it."""
        self.end(25, "Subscription buffer overflow")

    def end(self, code: int, message: str) -> None:
        """End every subscription with a terminal error."""
        for subscription in self.channels.values():
            body = {"code": code, "msg": message}
            self._reply({"type": "error", "sid": subscription.sid, "seq": subscription.next_seq(), "msg": body})
        self.channels.clear()

    def _count_command(self) -> None:
        """Raises CommandError for a command too many, or one that a fault has time out."""
        second = self.sent_ms() // 1_000
        if second != self._second:
            self._second, self._commands = second, 0
        self._commands += 1
        if self._commands > MOST_COMMANDS_A_SECOND:
            raise CommandError(27, "Too many requests")
        if self.faults and self.faults.fires(FaultName.COMMAND_TIMEOUT, STREAM) is not None:
            raise CommandError(18, "Command timeout")

    def _command(self, number: object, content: dict[str, Any]) -> None:
        name, params = content.get("cmd"), content.get("params")
        if name == "list_subscriptions":
            listed = [{"channel": each.channel, "sid": each.sid} for each in self.channels.values()]
            self._reply({"type": "ok", "id": number, "msg": listed})
            return
        commands = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "update_subscription": self._update,
        }
        if not isinstance(name, str) or name not in commands:
            raise CommandError(5, "Unknown command")
        if not isinstance(params, dict):
            raise CommandError(2, "Params required")
        commands[name](number, params)

    def _subscribe(self, number: object, params: dict[str, Any]) -> None:
        channels = params.get("channels")
        if not isinstance(channels, list) or not channels:
            raise CommandError(3, "Channels required")
        tickers, channels = self._tickers(params), distinct(channels)
        use_yes_price, first_quotes = flag(params, "use_yes_price"), flag(params, "send_initial_snapshot")
        short_ok = flag(params, "skip_ticker_ack")
        for channel in channels:
            if channel not in CHANNELS:
                raise CommandError(8, "Unknown channel")
            if channel == NEEDS_MARKETS and not by_ticker(params):
                raise CommandError(14, "Market ticker required")
            if channel == "communications":
                check_shards(params)
        added = [
            (self._subscription(channel, tickers, use_yes_price, short_ok), channel in self.channels)
            for channel in channels
        ]
        for subscription, _ in added:
            self.channels[subscription.channel] = subscription
            msg = {"channel": subscription.channel, "sid": subscription.sid}
            self._reply({"type": "subscribed", "id": number, "msg": msg})
        for subscription, known in added:
            self._merge(subscription, tickers, known=known, first_quotes=first_quotes)

    def _subscription(self, channel: str, tickers: list[str], use_yes_price: bool, short_ok: bool) -> Subscription:
        if channel in self.channels:
            return self.channels[channel]
        self._sids += 1
        everything = channel in UNFILTERED or not tickers
        return Subscription(self._sids, channel, None if everything else set(), use_yes_price, short_ok)

    def _merge(self, subscription: Subscription, tickers: list[str], *, known: bool, first_quotes: bool) -> None:
        if known and not tickers:
            subscription.tickers = None
        new = [each for each in tickers if subscription.tickers is not None and each not in subscription.tickers]
        if subscription.tickers is not None:
            subscription.tickers.update(new)
        if subscription.channel == NEEDS_MARKETS:
            self._show(subscription, new, first_quotes=False)
        else:
            self._show(subscription, tickers or list(self.exchange.markets), first_quotes=first_quotes)

    def _show(self, subscription: Subscription, tickers: list[str], *, first_quotes: bool) -> None:
        """Send how markets stand that a subscription has begun to follow: books always, quotes when asked for."""
        for ticker in tickers:
            if subscription.channel == NEEDS_MARKETS:
                self._snapshot(subscription, ticker)
            elif subscription.channel == "ticker" and first_quotes:
                quoted = Quoted(self.exchange.markets[ticker], self.exchange.now)
                self.frame("ticker", subscription, frames.ticker(quoted), numbered=False)

    def _unsubscribe(self, number: object, params: dict[str, Any]) -> None:
        sids = params.get("sids")
        if not isinstance(sids, list) or not sids:
            raise CommandError(4, "Subscription IDs required")
        for subscription in [self._by_sid(sid) for sid in distinct(sids)]:
            del self.channels[subscription.channel]
            self._reply({"type": "unsubscribed", "id": number, "sid": subscription.sid, "seq": subscription.next_seq()})

    def _update(self, number: object, params: dict[str, Any]) -> None:
        sids = params.get("sids") if params.get("sids") is not None else [params.get("sid")]
        if not isinstance(sids, list) or len(sids) != 1 or sids[0] is None:
            raise CommandError(12, "Exactly one subscription ID is required")
        subscription, action = self._by_sid(sids[0]), params.get("action")
        if not action:
            raise CommandError(15, "Action required")
        if action not in actions(subscription.channel):
            raise CommandError(13, "Unsupported action")
        tickers, first_quotes = self._tickers(params), flag(params, "send_initial_snapshot")
        if not tickers or (subscription.channel == NEEDS_MARKETS and not by_ticker(params)):
            raise CommandError(14, "Market ticker required")
        if action == "get_snapshot":
            for ticker in tickers:
                self._snapshot(subscription, ticker, number)
            return
        if subscription.tickers is None:
            subscription.tickers = set() if action == "add_markets" else set(self.exchange.markets)
        new = [each for each in tickers if each not in subscription.tickers]
        if action == "add_markets":
            self._count_markets(new)
            subscription.tickers.update(tickers)
        else:
            subscription.tickers.difference_update(tickers)
        msg = {} if subscription.short_ok else {"market_tickers": sorted(subscription.tickers)}
        self._reply({"type": "ok", "id": number, "sid": subscription.sid, "seq": subscription.next_seq(), "msg": msg})
        if action == "add_markets":
            self._show(subscription, new, first_quotes=first_quotes)

    def _count_markets(self, new: list[str]) -> None:
        """Raises CommandError when the session would follow more markets than one may."""
        followed = sum(len(each.tickers) for each in self.channels.values() if each.tickers is not None)
        if followed + len(new) > MOST_MARKETS:
            raise CommandError(26, "Subscription market limit exceeded")

    def _snapshot(self, subscription: Subscription, ticker: str, command: object = None) -> None:
        market = self.exchange.markets[ticker]
        if command is None and market.recorded is not None and self.send_recorded(subscription, market.recorded):
            return
        message = frames.snapshot(market, use_yes_price=subscription.use_yes_price)
        self.frame("orderbook_snapshot", subscription, message, numbered=True, command=command)

    def _tickers(self, params: dict[str, Any]) -> list[str]:
        """The markets a command names, by ticker or by id, each once."""
        named = [params.get("market_ticker"), *listed(params, "market_tickers")]
        ids = distinct([each for each in (params.get("market_id"), *listed(params, "market_ids")) if each is not None])
        if ids:
            by_id = {market.market_id: ticker for ticker, market in self.exchange.markets.items()}
            named += [by_id.get(each, each) for each in ids]
        found = [each for each in distinct([each for each in named if each is not None]) if each]
        for ticker in found:
            if ticker not in self.exchange.markets:
                raise CommandError(11, "Invalid parameter", str(ticker))
        return found

    def _by_sid(self, sid: object) -> Subscription:
        # to Python, true is 1
        whole = type(sid) is int
        found = next((each for each in self.channels.values() if whole and each.sid == sid), None)
        if found is None:
            raise CommandError(7, "Unknown subscription ID")
        return found

    def _pass(self, channel: str, frame: str) -> None:
        """Send a frame of a channel, unless a fault loses, doubles or delays it."""
        if not self.faults and not self._held:
            self.send(frame)
            return
        if self.faults.fires(FaultName.DROP_FRAMES, channel) is not None:
            return
        if self.faults.fires(FaultName.REORDER_FRAMES, channel) is not None:
            self._held.append(frame)
            return
        self.send(frame)
        if self.faults.fires(FaultName.DUPLICATE_FRAMES, channel) is not None:
            self.send(frame)
        while self._held:
            self.send(self._held.pop(0))

    def _error(self, number: object, error: CommandError) -> None:
        self._reply({"type": "error", "id": number, "msg": error.body})

    def _reply(self, body: dict[str, Any]) -> None:
        self.send(frames.text({key: value for key, value in body.items() if key != "id" or value is not None}) + "\n")


def _number(value: object) -> object:
    """A command's id, None where it has none. Raises CommandError for what could be no id of an answer."""
    if value is not None and (type(value) is not int or value < 0):
        raise CommandError(1, "Unable to process message")
    return value

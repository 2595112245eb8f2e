import MartletTCP
import MartletWire

// A schedule in words: what differs from a plain one.

extension Schedule {
  /// A line for each thing that is not as usual.
  public var text: String {
    var lines = ["seed " + String(seed)]
    lines += placeLines
    lines += forth.lines(named: "forth") + back.lines(named: "back")
    lines += client.lines(named: "client") + server.lines(named: "server")
    for (number, conversation) in conversations.enumerated() { lines.append(conversation.line(number)) }
    for fault in faults { lines.append("after " + fault.at.text + ": " + fault.text) }
    for hook in hooks { lines.append("hook: " + hook.text) }
    for forgery in forgeries { lines.append("after " + forgery.at.text + ": " + forgery.text) }
    for entry in luck ?? [] { lines.append("luck: " + entry.text) }
    return lines.map { "  " + $0 + "\n" }.joined()
  }

  private var placeLines: [String] {
    var words: [String] = []
    switch wiring {
    case .direct: break
    case .oneRouter: words.append("through a router")
    case .twoRouters: words.append("through two routers")
    case .broadcastDomain: words.append("on a switch")
    }
    if overIPv6 { words.append("IPv6") }
    if mtu != 1_500 { words.append("MTU " + String(mtu)) }
    if !deliversBatches { words.append("packets come one by one") }
    if opensAtOnce { words.append("both connect at once") }
    if listener.alwaysCookies { words.append("always cookies") }
    if listener.fastOpen { words.append("listener with Fast Open") }
    if listener.halfOpenLimit > 0 { words.append("half-open limit " + String(listener.halfOpenLimit)) }
    if luck != nil { words.append("luck by the book") }
    return words.isEmpty ? [] : [words.joined(separator: ", ")]
  }
}

extension LinkConditions {
  fileprivate func lines(named name: String) -> [String] {
    let plain = Schedule(plain: 0).forth
    var words: [String] = []
    func say(_ isSaid: Bool, _ text: String) { if isSaid { words.append(text) } }
    say(delay != plain.delay, "delay " + delay.text)
    say(
      jitter != .zero,
      "jitter " + jitter.text + " " + jitterShape.text + (jitterReorders ? ", overtaking" : ""))
    say(loss != 0, "loss " + loss.perMillion + (lossRun > 1 ? " in runs to " + String(lossRun) : ""))
    say(burst.begins > 0, "spells of loss " + burst.begins.perMillion + " / " + burst.ends.perMillion)
    say(duplication != 0, "duplication " + duplication.perMillion)
    say(reordering != 0, "reordering " + reordering.perMillion + " by " + reorderingDelay.text)
    say(corruption != 0, "corruption " + corruption.perMillion + (sparesUndetected ? "" : ", undetected too"))
    say(rate != 0, "rate " + String(rate) + " octets/s")
    say(queue != 0, "queue " + String(queue) + " octets")
    say(queuePackets != 0, "queue " + String(queuePackets) + " packets")
    say(marksAbove != .max, "marks above " + String(marksAbove))
    say(discipline != .dropTail, discipline == .coDel(marks: true) ? "CoDel, marking" : "CoDel")
    say(mtu != 0, "a hop of " + String(mtu) + (tellsTooBig ? "" : " that says nothing"))
    return words.isEmpty ? [] : [name + ": " + words.joined(separator: ", ")]
  }
}

extension HostFeatures {
  fileprivate func lines(named name: String) -> [String] {
    let plain = HostFeatures()
    var words: [String] = []
    func say(_ isSaid: Bool, _ text: String) { if isSaid { words.append(text) } }
    say(!timestamps, "no timestamps")
    say(!sack, "no SACK")
    say(!windowScaling, "no window scaling")
    say(ecn != plain.ecn, ecn == .on ? "ECN" : "no ECN")
    say(congestionControl != plain.congestionControl, congestionControl == .bbr ? "BBR" : "NewReno")
    say(pacing, "pacing")
    say(fastOpen, "Fast Open")
    say(noDelay, "no delay")
    say(quickAck, "quick ACK")
    say(receiveBuffer != 0, "receive buffer " + String(receiveBuffer))
    say(sendBuffer != 0, "send buffer " + String(sendBuffer))
    say(memoryBudget != 0, "memory budget " + String(memoryBudget))
    say(keepAliveIdle != 0, "keep-alive " + String(keepAliveIdle) + " s")
    say(userTimeout != .zero, "user timeout " + userTimeout.text)
    say(chunksPerArena != plain.chunksPerArena, "chunks by " + String(chunksPerArena))
    return words.isEmpty ? [] : [name + ": " + words.joined(separator: ", ")]
  }
}

extension Conversation {
  fileprivate func line(_ number: Int) -> String {
    var text =
      "conversation " + String(number) + ": " + String(forth) + " octets forth, " + String(back) + " back"
    if starts != .zero { text += ", from " + starts.text }
    switch ending {
    case .bothAtOnce: break
    case .clientFirst: text += ", the client closes first"
    case .serverFirst: text += ", the server closes first"
    case .bothAtTheEnd: text += ", both close at the end"
    case .longAnswer: text += ", the server answers after the client's end"
    case .clientAborts: text += ", the client aborts"
    }
    if sendSize != 16_384 { text += ", sends " + String(sendSize) + " at once" }
    if receiveSize != 16_384 { text += ", reads " + String(receiveSize) + " at once" }
    if clientPause != .zero { text += ", the client rests " + clientPause.text }
    if serverPause != .zero { text += ", the server rests " + serverPause.text }
    return text
  }
}

extension Fault {
  fileprivate var text: String {
    switch kind {
    case .cut(let forth, let back, let lasts):
      "the link is cut" + (forth && back ? "" : forth ? " forth" : back ? " back" : " nowhere") + " for "
        + lasts.text
    case .crash(let side, let lasts): "the " + side.text + " crashes, and starts after " + lasts.text
    case .pause(let side, let lasts): "the " + side.text + " stands still for " + lasts.text
    case .jump(let side, let amount): "the " + side.text + "'s clock jumps by " + amount.text
    case .drift(let side, let amount):
      "the " + side.text + "'s clock gains " + String(amount) + " of a million"
    case .routerOff(let lasts): "the first router is off for " + lasts.text
    }
  }
}

extension PlannedForgery {
  fileprivate var text: String {
    let what =
      switch kind {
      case .reset: "RST"
      case .resetAcknowledging: "RST with ACK"
      case .finish: "FIN"
      case .text: "text"
      case .acknowledgment: "ACK"
      case .synchronize: "SYN"
      case .synchronizeAcknowledging: "SYN with ACK"
      case .tooBig: "ICMP too big"
      case .unreachable: "ICMP unreachable"
      }
    return "a forged " + what + " to the " + target.text + ", conversation " + String(conversation)
  }
}

extension WayLuck {
  fileprivate var text: String {
    var words = "way " + String(way) + ", packet " + String(entry.ordinal + 1) + " "
    if entry.luck.isLost { return words + "is lost" }
    if entry.luck.late > .zero { words += "is late by " + entry.luck.late.text + " " }
    if let copy = entry.luck.copy { words += "comes again after " + copy.text + " " }
    if entry.luck.flips != nil { words += "is damaged" }
    return words
  }
}

extension PacketHook {
  /// "drops packets 2 to 3 of host 0 with FIN".
  public var text: String {
    var text =
      switch action {
      case .pass: "passes "
      case .drop: "drops "
      case .delay(let amount): "delays by " + amount.text + " "
      case .duplicate(let amount): "doubles after " + amount.text + " "
      case .edit(let edit): edit.text + " "
      }
    text +=
      which.count == 1
      ? "number " + String(which.lowerBound)
      : "numbers " + String(which.lowerBound) + " to " + String(which.upperBound)
    return text + " of " + pattern.words
  }
}

extension PacketPattern {
  /// "segments from host 0 with FIN".
  public var words: String {
    var words = isTCP ? "segments" : "packets"
    if let source { words += " from " + source.text }
    if let destination { words += " to " + destination.text }
    if !with.isEmpty { words += " with " + with.words }
    if !without.isEmpty { words += " without " + without.words }
    if text == .some { words += " with text" }
    if text == .none { words += " without text" }
    return words
  }
}

extension PacketEdit {
  fileprivate var text: String {
    switch self {
    case .flipBit(let bit): "flips bit " + String(bit) + " of"
    case .set(let flags): "sets " + flags.words + " on"
    case .clear(let flags): "clears " + flags.words + " on"
    case .shiftSequence(let amount): "adds " + String(amount) + " to the sequence number of"
    case .shiftAcknowledgment(let amount): "adds " + String(amount) + " to the acknowledgment of"
    case .window(let window): "writes the window " + String(window) + " on"
    case .stripOptions: "strips the options of"
    case .timeToLive(let hops): "leaves " + String(hops) + " hops to"
    case .congestion: "marks CE on"
    case .truncate(let count): "leaves " + String(count) + " octets of"
    }
  }
}

extension NodeID {
  public var text: String {
    switch self {
    case .host(let id): "host " + String(id.index)
    case .router(let id): "router " + String(id.index)
    case .broadcastDomain(let id): "switch " + String(id.index)
    }
  }
}

extension TCPFlags {
  fileprivate var words: String {
    let names: [(TCPFlags, String)] = [
      (.syn, "SYN"), (.fin, "FIN"), (.rst, "RST"), (.ack, "ACK"), (.psh, "PSH"), (.urg, "URG"), (.ece, "ECE"),
      (.cwr, "CWR"),
    ]
    return names.filter { contains($0.0) }.map { $0.1 }.joined(separator: "+")
  }
}

extension JitterShape {
  fileprivate var text: String {
    switch self {
    case .even: "even"
    case .normal: "normal"
    case .pareto: "Pareto"
    }
  }
}

extension UInt32 {
  /// A chance of a million in per cent.
  fileprivate var perMillion: String {
    let hundredths = self / 100
    return String(hundredths / 100) + "." + (hundredths % 100 < 10 ? "0" : "") + String(hundredths % 100)
      + " %"
  }
}

extension TimeAmount {
  /// In the unit that suits.
  var text: String {
    let micros = nanoseconds / 1_000
    if micros % 1_000_000 == 0 { return String(micros / 1_000_000) + " s" }
    if micros % 1_000 == 0 { return String(micros / 1_000) + " ms" }
    return String(micros) + " µs"
  }
}

import MartletStack
import MartletTCP
import MartletTrace

extension TextbookScenario {
  /// How connections end at once, or should not.
  static var resets: [TextbookScenario] {
    [abort, crash, keepAlive, guessedReset] + resetStates.map { reset(in: $0) }
  }

  private static var abort: TextbookScenario {
    TextbookScenario(
      "abort", title: LocalizedText("abort", "中止连接"),
      question: LocalizedText(
        "What does a program do that wants to be rid of a connection?", "程序想立即摆脱一个连接时怎么办？"),
      answer: LocalizedText(
        "It aborts: a reset ends the connection for both sides at once. Nothing is acknowledged, nobody waits, and what was on its way is lost; the other application is told so.",
        "它中止连接：一个复位立即结束双方的连接。没有确认，没有等待，在途的数据丢失；对方的应用程序会得知。"),
      client: [.connect, .awaitConnected, .send(100), .wait(.milliseconds(50)), .abort],
      server: [.listen, .accept, .receive(100), .awaitEnd])
  }

  private static var crash: TextbookScenario {
    var scenario = TextbookScenario(
      "crash", title: LocalizedText("half-open after a crash", "崩溃后的半开连接"),
      question: LocalizedText(
        "How does a side learn that the other has crashed and come back?", "一方如何得知对方崩溃后又恢复了？"),
      answer: LocalizedText(
        "It does not, until it says something. The other side knows of no such connection and answers with a reset, and that ends the half-open connection.",
        "在它发送数据之前无从得知。对方不记得这个连接，回以复位，半开的连接就此结束。"),
      client: [.connect, .awaitConnected, .wait(.seconds(2)), .send(100), .awaitEnd],
      server: [.listen, .accept, .awaitEnd])
    scenario.happenings = [
      ScenarioHappening(.crash(.right), after: .milliseconds(100)),
      ScenarioHappening(.restart(.right), after: .seconds(1)),
    ]
    return scenario
  }

  private static var keepAlive: TextbookScenario {
    var scenario = TextbookScenario(
      "keep-alive", title: LocalizedText("keep-alive finds a dead peer", "保活发现失效的对端"),
      question: LocalizedText("And if nobody has anything to say?", "如果双方都没有数据要发送呢？"),
      answer: LocalizedText(
        "Then only asking helps: after 10 quiet seconds (two hours by default) a segment below SND.NXT demands an answer. Three of them without one, and the connection is over.",
        "那就只能询问：静默 10 秒后（默认两小时），用一个低于 SND.NXT 的报文段要求应答。三次没有应答，连接即告结束。"),
      client: [.connect, .awaitConnected, .awaitEnd], server: [.listen, .accept, .awaitEnd])
    scenario.clientConfiguration.tcp.connection.keepAlive = true
    scenario.clientConfiguration.tcp.connection.keepAliveIdle = 10
    scenario.clientConfiguration.tcp.connection.keepAliveInterval = 5
    scenario.clientConfiguration.tcp.connection.keepAliveCount = 3
    scenario.happenings = [ScenarioHappening(.crash(.right), after: .seconds(15))]
    return scenario
  }

  private static var guessedReset: TextbookScenario {
    var scenario = TextbookScenario(
      "guessed-reset", title: LocalizedText("a forged reset is challenged", "伪造的复位受到质询"),
      question: LocalizedText("Can a stranger reset a connection?", "陌生人能重置一个连接吗？"),
      answer: LocalizedText(
        "He would have to guess RCV.NXT exactly. A reset that is merely in the window is answered with an ACK: the true peer has nothing to say to that, and the connection goes on (RFC 5961).",
        "他必须恰好猜中 RCV.NXT。仅仅落在窗口内的复位会得到一个质询 ACK：真正的对端对此无话可说，连接继续（RFC 5961）。"),
      client: [.connect, .awaitConnected, .wait(.milliseconds(200)), .send(100)],
      server: [.listen, .accept, .receive(100)])
    scenario.happenings = [ScenarioHappening(.guessedReset(.right), after: .milliseconds(100))]
    scenario.duration = .seconds(1)
    return scenario
  }

  // MARK: A reset in each state

  private static var resetStates: [TCPState] {
    [
      .synSent, .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck, .timeWait,
    ]
  }

  /// Somebody on the path, who sees all numbers, resets an end that is in this state.
  private static func reset(in state: TCPState) -> TextbookScenario {
    let name = state.text(.rfc)
    var scenario = TextbookScenario(
      "reset-in-" + lowercased(name),
      title: LocalizedText("a reset in " + name, name + " 状态下收到复位"),
      question: LocalizedText("What does a reset do in " + name + "?", "在 " + name + " 状态下收到复位会怎样？"),
      answer: meaning(of: state), client: [.connect, .awaitConnected], server: [.listen, .accept])
    lead(&scenario, to: state)
    return scenario
  }

  private static func meaning(of state: TCPState) -> LocalizedText {
    switch state {
    case .synSent:
      LocalizedText(
        "If it acknowledges the SYN, the connection is refused; any other reset is ignored.",
        "如果它确认了 SYN，连接即被拒绝；其他复位一律忽略。")
    case .synReceived:
      LocalizedText(
        "The half-open entry goes, and the listener goes on listening: no application has heard of it.",
        "半开条目被删除，监听端继续监听：没有任何应用程序知道此事。")
    case .timeWait:
      LocalizedText(
        "Nothing. A reset could end TIME-WAIT too early, and old segments would find nobody who knows them (RFC 1337).",
        "什么也不会发生。复位可能使 TIME-WAIT 过早结束，旧报文段就无人识别了（RFC 1337）。")
    case .closing, .lastAck:
      LocalizedText(
        "The connection is gone. Everything had been said, so the application hears of nothing.",
        "连接消失。该说的都已说完，应用程序不会得知任何事。")
    default:
      LocalizedText(
        "The connection is gone at once, and the application is told that it was reset.",
        "连接立即消失，应用程序得知连接被重置。")
    }
  }

  private static func lead(_ scenario: inout TextbookScenario, to state: TCPState) {
    func reset(_ side: Side, _ milliseconds: Int64) {
      scenario.happenings = [ScenarioHappening(.reset(side), after: .milliseconds(milliseconds))]
    }
    let isSlow: [ProgramStep] = [.listen, .accept, .receiveEnd, .awaitEnd]
    let closes: [ProgramStep] = [.connect, .awaitConnected, .wait(.milliseconds(80)), .shutdown, .awaitEnd]
    switch state {
    case .synSent:
      scenario.faults = [.drop(1)]
      reset(.left, 50)
    case .synReceived:
      scenario.withholdsAcknowledgment = true
      reset(.right, 50)
    case .established:
      scenario.client += [.awaitEnd]
      scenario.server += [.awaitEnd]
      reset(.left, 100)
    case .finWait1:
      (scenario.client, scenario.server) = (closes, isSlow)
      reset(.left, 110)
    case .finWait2:
      (scenario.client, scenario.server) = (closes, isSlow)
      reset(.left, 200)
    case .closeWait:
      (scenario.client, scenario.server) = (closes, isSlow)
      reset(.right, 200)
    case .closing:
      scenario.client = [.connect, .awaitConnected, .wait(.milliseconds(80)), .close]
      scenario.server = [.listen, .accept, .wait(.milliseconds(70)), .close]
      reset(.left, 115)
    case .lastAck:
      scenario.client = closes
      scenario.server = [.listen, .accept, .receiveEnd, .close]
      reset(.right, 115)
    case .timeWait:
      scenario.client = [.connect, .awaitConnected, .wait(.milliseconds(80)), .close]
      scenario.server = [.listen, .accept, .receiveEnd, .close]
      reset(.left, 500)
    case .closed, .listen: break
    }
  }

  private static func lowercased(_ name: String) -> String {
    String(decoding: name.utf8.map { (65...90).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  }
}

import MartletStack
import MartletTCP
import MartletTrace

extension TextbookScenario {
  /// What a SYN flood does, and what helps.
  static var floods: [TextbookScenario] {
    [
      flood(
        "syn-flood", cookies: .off, title: LocalizedText("SYN flood", "SYN 洪泛"),
        question: LocalizedText("What does a SYN flood do?", "SYN 洪泛会造成什么后果？"),
        answer: LocalizedText(
          "Strangers take every place of the half-open queue and never send a third segment. The honest client's SYN finds no place and is dropped, until entries time out.",
          "陌生地址占满半开队列的所有位置，却从不发送第三个报文段。正常客户端的 SYN 找不到位置而被丢弃，直到条目超时。")),
      flood(
        "syn-flood-cookies", cookies: .auto,
        title: LocalizedText("SYN flood with cookies", "使用 SYN cookie 抵御洪泛"),
        question: LocalizedText("What do SYN cookies change?", "SYN cookie 改变了什么？"),
        answer: LocalizedText(
          "With the queue full the server keeps nothing of a SYN: everything that it must know is in the sequence number of its answer, and comes back with the third segment. The honest client notices nothing.",
          "队列已满时，服务器不为 SYN 保存任何状态：它需要知道的一切都编码在应答的序号里，并随第三个报文段返回。正常客户端毫无察觉。")),
    ]
  }

  private static func flood(
    _ name: String, cookies: SynCookiePolicy, title: LocalizedText, question: LocalizedText,
    answer: LocalizedText
  ) -> TextbookScenario {
    var scenario = TextbookScenario(
      name, title: title, question: question, answer: answer,
      client: [.wait(.milliseconds(100)), .connect, .awaitConnected, .send(100), .receive(300), .close],
      server: [.listen, .accept, .receive(100), .send(300), .receiveEnd, .close])
    scenario.listening.halfOpenLimit = 8
    scenario.listening.synCookies = cookies
    scenario.happenings = [ScenarioHappening(.flood(40), after: .milliseconds(50))]
    return scenario
  }
}

public import MartletTCP

/// What a rule of the flight recorder is called, where it is written, and why it holds.
public struct RuleText: Equatable, Sendable {
  /// The rule's name in traces: its enum case.
  public var name: String
  /// `RFC 9293`.
  public var document: String
  /// The section or step, without the sign: `3.10.7.4`; empty when there is none.
  public var section: String
  public var english: String
  public var chinese: String

  /// One sentence: why an endpoint does this.
  public func reason(_ language: Language) -> String {
    switch language {
    case .english: english
    case .simplifiedChinese: chinese
    }
  }

  /// `RFC 9293 §3.10.7.4`.
  public var citation: String { section.isEmpty ? document : document + " §" + section }

  private init(_ name: String, _ document: String, _ section: String, _ english: String, _ chinese: String) {
    self.name = name
    self.document = document
    self.section = section
    self.english = english
    self.chinese = chinese
  }

  /// One row for each rule. The switch has no default: a new rule does not compile without its text.
  public init(_ rule: Rule) {
    switch rule {
    case .none:
      self.init(
        "none", "RFC 9293", "",
        "No decision was recorded.",
        "没有记录任何决定。")
    case .transition:
      self.init(
        "transition", "RFC 9293", "3.3.2",
        "The event moves the connection to its next state, along an edge of the state diagram.",
        "该事件使连接沿状态图的一条边进入下一个状态。")
    case .closedReset:
      self.init(
        "closedReset", "RFC 9293", "3.10.7.1, §3.10.7.2",
        "No connection exists for this segment, so its sender is told with a reset to stop.",
        "没有与该报文段对应的连接，因此用复位告知发送方停止。")
    case .listenSyn:
      self.init(
        "listenSyn", "RFC 9293", "3.10.7.2",
        "A SYN reached a listener: it answers with its own SYN and the acknowledgment in one segment.",
        "SYN 到达监听端：用同一个报文段回以自己的 SYN 和确认。")
    case .outOfWindow:
      self.init(
        "outOfWindow", "RFC 9293", "3.10.7.4",
        "First check: nothing of the segment lies in the receive window, so it is dropped, and answered with where the window is unless it is a reset.",
        "第一项检查：报文段完全落在接收窗口之外，丢弃它；若不是复位，则回以 ACK 说明窗口所在。")
    case .pawsReject:
      self.init(
        "pawsReject", "RFC 7323", "5.3",
        "The timestamp is older than the last one accepted: the segment is a delayed duplicate.",
        "时间戳早于最近接受的时间戳：这是迟到的旧报文段。")
    case .resetAccepted:
      self.init(
        "resetAccepted", "RFC 5961", "3.2",
        "The reset stands exactly at RCV.NXT, which nobody off the path can know, so the connection ends.",
        "复位的序号恰好等于 RCV.NXT，路径之外的人无从得知这个值，因此连接终止。")
    case .challengeAck:
      self.init(
        "challengeAck", "RFC 5961", "3.2, §4.2",
        "A RST or SYN merely inside the window may be forged: an ACK asks the peer to say it again exactly.",
        "仅落在窗口内的 RST 或 SYN 可能是伪造的：回以质询 ACK，请对端给出精确的序号。")
    case .challengeSuppressed:
      self.init(
        "challengeSuppressed", "RFC 5961", "7",
        "Answers of this kind are limited in rate, so that nobody can make the endpoint send them at will.",
        "此类应答受速率限制，以免被人利用来任意触发。")
    case .ackAdvances:
      self.init(
        "ackAdvances", "RFC 9293", "3.10.7.4",
        "Fifth check: the acknowledgment is acceptable, SND.UNA moves up, and what it covers leaves the send buffer.",
        "第五项检查：确认号可接受，SND.UNA 前移，已确认的数据离开发送缓冲区。")
    case .ackOfUnsent:
      self.init(
        "ackOfUnsent", "RFC 9293", "3.10.7.4",
        "Fifth check: it acknowledges what was never sent, so it is answered with an ACK and dropped.",
        "第五项检查：确认了从未发送过的数据，回以 ACK 并丢弃。")
    case .duplicateAck:
      self.init(
        "duplicateAck", "RFC 5681", "3.2",
        "The peer repeats itself: a segment reached it out of order, so an earlier one may be lost.",
        "对端重复了同一个确认：有报文段乱序到达，较早的一个可能已丢失。")
    case .fastRetransmit:
      self.init(
        "fastRetransmit", "RFC 5681", "3.2",
        "Enough signs of a loss have come: the missing segment is sent again without waiting for the timer.",
        "丢失的迹象已经足够：不等定时器超时，立即重传缺失的报文段。")
    case .lossDetected:
      self.init(
        "lossDetected", "RFC 8985", "6.2",
        "Text that was sent well before something that has arrived, and has not arrived itself, is lost.",
        "比已到达的数据早发出足够久却仍未到达的数据，判定为丢失。")
    case .reorderingSeen:
      self.init(
        "reorderingSeen", "RFC 8985", "6.2",
        "Text that was sent once arrived after later text: the path reorders, so losses are judged with patience.",
        "只发送过一次的数据晚于后发的数据到达：路径会乱序，因此判定丢失要留有余量。")
    case .duplicateReported:
      self.init(
        "duplicateReported", "RFC 2883", "4",
        "The peer got these octets twice, so a retransmission was not needed or the network made a copy.",
        "对端收到了两次这些数据：重传并无必要，或网络复制了报文段。")
    case .recoveryUndone:
      self.init(
        "recoveryUndone", "RFC 4015", "3.2",
        "Nothing was lost after all, so the congestion window is what it was before the recovery.",
        "实际上并未丢失，因此拥塞窗口恢复到丢失恢复之前的值。")
    case .tailProbe:
      self.init(
        "tailProbe", "RFC 8985", "7.3",
        "No acknowledgment came within two round trips and the time for which one may be held back: one segment asks for it before a time-out must.",
        "两个往返时间（加上对端可能推迟确认的时间）内没有确认：先发一个探测报文段，以免等到超时。")
    case .tailRepaired:
      self.init(
        "tailRepaired", "RFC 8985", "7.4.2",
        "The probe itself repaired the loss, which counts as congestion like any other.",
        "探测报文段本身修复了丢失，这与其他丢失一样视为拥塞。")
    case .pathProbe:
      self.init(
        "pathProbe", "RFC 4821", "7.3",
        "A segment of the stream is made larger, to see whether the path carries it.",
        "把数据流中的一个报文段加大，以检验路径能否承载。")
    case .pathSizeFound:
      self.init(
        "pathSizeFound", "RFC 4821", "7.6.1",
        "The larger segment arrived: from now on all may be as large.",
        "较大的报文段已到达：今后的报文段都可以这么大。")
    case .blackHole:
      self.init(
        "blackHole", "RFC 4821", "7.7",
        "Full-size segments time out again and again: a path that takes only smaller ones and says nothing.",
        "满长报文段一再超时：路径只承载更小的报文段，却不发出通知。")
    case .partialAck:
      self.init(
        "partialAck", "RFC 6582", "3.2",
        "The acknowledgment covers a part of what was outstanding when recovery began: the next hole is lost too.",
        "该确认只覆盖恢复开始时在途数据的一部分：下一个空洞也已丢失。")
    case .recoveryEnds:
      self.init(
        "recoveryEnds", "RFC 6582", "3.2",
        "Everything outstanding when recovery began is acknowledged, so normal sending resumes.",
        "恢复开始时的在途数据已全部确认，恢复正常发送。")
    case .retransmissionTimeout:
      self.init(
        "retransmissionTimeout", "RFC 6298", "5",
        "No acknowledgment came within the RTO: the earliest segment is sent again and the timer doubles.",
        "在 RTO 内没有收到确认：重传最早的报文段，并将定时器加倍。")
    case .windowProbe:
      self.init(
        "windowProbe", "RFC 9293", "3.8.6.1",
        "The peer offers no window: a probe asks whether it has opened, since the segment that said so may be lost.",
        "对端通告零窗口：发送探测以询问窗口是否已打开，因为通知它的报文段可能已丢失。")
    case .keepAliveProbe:
      self.init(
        "keepAliveProbe", "RFC 9293", "3.8.4",
        "Nothing was heard for long: a segment below SND.NXT asks whether the peer is still there.",
        "长时间没有收到任何报文段：用 SND.NXT 以下的序号询问对端是否还在。")
    case .textInOrder:
      self.init(
        "textInOrder", "RFC 9293", "3.10.7.4",
        "Seventh step: the text begins at RCV.NXT, so it goes to the reader and RCV.NXT moves up.",
        "第七步：数据从 RCV.NXT 开始，交给应用程序，RCV.NXT 前移。")
    case .textOutOfOrder:
      self.init(
        "textOutOfOrder", "RFC 9293", "3.10.7.4",
        "Seventh step, out of order: text before it is missing, so it is kept until the hole is filled and a duplicate ACK tells the sender.",
        "第七步，乱序：前面的数据尚缺，先保存到空洞被填满，并用重复 ACK 告知发送方。")
    case .textRefused:
      self.init(
        "textRefused", "RFC 9293", "3.8.6",
        "There is no room for the text: it is dropped and not acknowledged, so the sender will send it again.",
        "没有空间存放数据：丢弃且不确认，发送方会再次发送。")
    case .duplicateText:
      self.init(
        "duplicateText", "RFC 2883", "4",
        "The text has come before: the first SACK block of the acknowledgment says so, and the sender learns that it was sent for nothing.",
        "这些数据先前已经收到：确认的第一个 SACK 块会说明这一点，发送方由此得知重传是多余的。")
    case .receiveBufferGrows:
      self.init(
        "receiveBufferGrows", "RFC 7323", "1.1",
        "The reader takes more in a round trip than half the buffer: a larger window keeps the path full.",
        "应用程序在一个往返时间内读取的数据超过缓冲区的一半：增大窗口以保持路径满载。")
    case .congestionMark:
      self.init(
        "congestionMark", "RFC 3168", "6.1.3",
        "A router has marked the packet instead of dropping it: every acknowledgment says so until the sender answers with CWR.",
        "路由器没有丢弃而是标记了该分组：此后每个确认都带 ECE，直到发送方以 CWR 回应。")
    case .congestionEcho:
      self.init(
        "congestionEcho", "RFC 3168", "6.1.2",
        "The peer has seen a congestion mark: the window is reduced as for a loss, once per window of data.",
        "对端收到了拥塞标记：像丢包一样减小窗口，每个窗口的数据只减一次。")
    case .finArrives:
      self.init(
        "finArrives", "RFC 9293", "3.10.7.4",
        "Eighth check: the peer has sent everything; its FIN takes one sequence number and is acknowledged at once.",
        "第八项检查：对端已发送完毕；其 FIN 占用一个序号，并立即得到确认。")
    case .givesUp:
      self.init(
        "givesUp", "RFC 9293", "3.8.3",
        "The tries, or the time that the user allowed, are used up: the connection is ended and the user told.",
        "重试次数或用户允许的时间已用尽：终止连接并通知用户。")
    case .roundTripSample:
      self.init(
        "roundTripSample", "RFC 6298", "2",
        "A round trip was measured: SRTT, RTTVAR and with them the RTO are brought up to date.",
        "测得一次往返时间：更新 SRTT、RTTVAR 以及 RTO。")
    case .timeWaitRestarts:
      self.init(
        "timeWaitRestarts", "RFC 9293", "3.10.7.4",
        "The peer sent its FIN again, so the last ACK was lost: it is repeated and 2 MSL begin anew.",
        "对端重传了 FIN，说明最后的 ACK 丢失：再次发送 ACK，并重新开始 2 MSL 计时。")
    case .synAcknowledged:
      self.init(
        "synAcknowledged", "RFC 9293", "3.10.7.3",
        "Fourth check in SYN-SENT: SYN and ACK, and the ACK is of our SYN: both numbers are known to both, and the third segment says so.",
        "SYN-SENT 的第四项检查：同时带有 SYN 和 ACK，且确认了我方的 SYN：双方都已知道两个序号，第三个报文段将说明这一点。")
    case .synCrossed:
      self.init(
        "synCrossed", "RFC 9293", "3.10.7.3",
        "Fourth check in SYN-SENT: a SYN without ACK crossed ours: both sides open at the same time, and each answers with SYN and ACK.",
        "SYN-SENT 的第四项检查：不带 ACK 的 SYN 与我方的 SYN 交错：双方同时打开，各自回以 SYN 加 ACK。")
    case .refused:
      self.init(
        "refused", "RFC 9293", "3.10.7.3",
        "Second check in SYN-SENT: the reset acknowledges our SYN, so it is the answer to it: nobody listens there.",
        "SYN-SENT 的第二项检查：复位确认了我方的 SYN，因此正是对它的回答：对方没有监听。")
    case .handshakeAcknowledged:
      self.init(
        "handshakeAcknowledged", "RFC 9293", "3.10.7.4",
        "Fifth check in SYN-RECEIVED: the ACK is of our SYN, so the peer is really there and has our number: the connection is established.",
        "SYN-RECEIVED 的第五项检查：确认的是我方的 SYN，说明对端确实存在并已得到我方序号：连接建立。")
    case .handshakeUnacknowledged:
      self.init(
        "handshakeUnacknowledged", "RFC 9293", "3.10.7.3, §3.10.7.4",
        "The ACK is of something that was never sent: its sender has an older connection in mind, and is told so with a reset.",
        "确认了从未发送过的内容：发送者心中是一个旧连接，用复位告知它。")
    case .resetIgnored:
      self.init(
        "resetIgnored", "RFC 1337", "3",
        "A reset is not believed here: without a connection that it could end, or with one that must outlive old duplicates, it is dropped in silence.",
        "此处不相信复位：没有它可以终止的连接，或者连接必须存续以吸收旧的重复报文段，因此静默丢弃。")
    case .synAckRepeated:
      self.init(
        "synAckRepeated", "RFC 9293", "3.8.1",
        "The third segment has not come: the SYN-ACK may be lost, so it is sent again, after twice the wait.",
        "第三个报文段没有来：SYN-ACK 可能丢失，因此重发，等待时间加倍。")
    case .halfOpenExpires:
      self.init(
        "halfOpenExpires", "RFC 9293", "3.8.3",
        "Nobody has acknowledged the SYN-ACK in all its tries: the half-open entry makes room for others.",
        "SYN-ACK 的所有重试都无人确认：半开条目被删除，为他人腾出位置。")
    case .synDropped:
      self.init(
        "synDropped", "RFC 4987", "2.1",
        "The half-open queue is full and no cookies are sent: the SYN is dropped, and whoever means it will repeat it.",
        "半开队列已满且不发送 cookie：SYN 被丢弃，真正的客户端会重发。")
    case .acceptQueueFull:
      self.init(
        "acceptQueueFull", "RFC 9293", "3.9.1.1",
        "The application accepts too slowly: nobody else is let in, as if the segment had been lost.",
        "应用程序接受连接太慢：不再放入新的连接，如同报文段丢失一样。")
    case .cookieSent:
      self.init(
        "cookieSent", "RFC 4987", "3.6",
        "The half-open queue is under pressure: all that has to be known of the SYN goes into the initial sequence number, and nothing has to be kept.",
        "半开队列承压：关于 SYN 需要知道的一切都编入初始序号，本地不保存任何状态。")
    case .cookieReturned:
      self.init(
        "cookieReturned", "RFC 4987", "3.6",
        "The ACK brings a genuine cookie back: its sender has received our SYN-ACK, and the connection is made from what the cookie says.",
        "ACK 带回了真实的 cookie：发送者确实收到了我方的 SYN-ACK，连接据 cookie 中的内容建立。")
    case .cookieRefused:
      self.init(
        "cookieRefused", "RFC 4987", "3.6",
        "What the ACK brings is no cookie of ours, or too old a one: there is no connection for it.",
        "ACK 带回的不是我方的 cookie，或者已经过期：没有与之对应的连接。")
    case .timeWaitReopened:
      self.init(
        "timeWaitReopened", "RFC 6191", "2",
        "The SYN is later than everything of the old connection, so it cannot be a duplicate of it: TIME-WAIT ends and a new connection begins.",
        "该 SYN 晚于旧连接的一切，因此不可能是它的重复：TIME-WAIT 结束，新连接开始。")
    case .timeWaitAnswers:
      self.init(
        "timeWaitAnswers", "RFC 9293", "3.10.7.4",
        "A segment of the old connection: it is acknowledged and dropped, and does not reach a new one.",
        "旧连接的报文段：确认后丢弃，不会进入新的连接。")
    case .windowShut:
      self.init(
        "windowShut", "RFC 9293", "3.8.6.1",
        "The peer's window is shut: nothing new may be sent, but now and then a probe, for the segment that opens it may be lost.",
        "对端窗口已关闭：不能再发送新数据，只能不时发送探测，因为打开窗口的报文段可能丢失。")
    case .windowOpens:
      self.init(
        "windowOpens", "RFC 9293", "3.10.7.4",
        "Fifth check: the peer's window is open again, and what was held back may leave.",
        "第五项检查：对端窗口重新打开，此前积压的数据可以发送。")
    case .delayedAck:
      self.init(
        "delayedAck", "RFC 9293", "3.8.6.3",
        "The acknowledgment waited for a second segment, or for something to go with; neither came in time.",
        "确认一直在等待第二个报文段或可捎带的数据；两者都未及时到来。")
    case .urgentText:
      self.init(
        "urgentText", "RFC 9293", "3.8.5",
        "Sixth check: the peer has something urgent; the application is told to hurry up to there, and the text stays in the stream.",
        "第六项检查：对端有紧急数据；通知应用程序尽快读到该处，数据仍留在数据流中。")
    case .aborts:
      self.init(
        "aborts", "RFC 9293", "3.10.5",
        "The application gives the connection up: its queues are emptied, and a reset tells the peer.",
        "应用程序放弃连接：清空队列，并用复位告知对端。")
    case .textUnread:
      self.init(
        "textUnread", "RFC 2525", "2.17",
        "The application closes and leaves text unread: a reset tells the peer that it was lost, where a FIN would say that all is well.",
        "应用程序关闭时仍有未读数据：用复位告知对端数据已丢失，而 FIN 会让它以为一切正常。")
    case .windowReduced:
      self.init(
        "windowReduced", "RFC 5681", "3.1",
        "The network is congested: ssthresh falls to what it may hold, and the window shrinks to it, once for what was in flight.",
        "网络出现拥塞：ssthresh 降到网络可能容纳的量，窗口随之缩小；对同一批在途数据只缩一次。")
    case .slowStartEnds:
      self.init(
        "slowStartEnds", "RFC 9406", "4.2",
        "The window has reached ssthresh, or round trips grow longer as a queue builds up: from here on it grows slowly.",
        "窗口达到 ssthresh，或往返时间随队列增长而变长：此后窗口缓慢增长。")
    case .windowUnused:
      self.init(
        "windowUnused", "RFC 7661", "4.4.3",
        "For minutes the application has used less than half of its window, so nothing shows that the path still holds it: it is halved.",
        "应用程序数分钟内用到的不足窗口的一半，无从证明路径仍能容纳它：窗口减半。")
    case .limitedTransmit:
      self.init(
        "limitedTransmit", "RFC 3042", "2",
        "A duplicate acknowledgment says that a segment has left the network, so a new one may follow it, and bring another.",
        "重复确认说明有一个报文段离开了网络，因此可以再发一个新的，以引出更多确认。")
    case .sackReneged:
      self.init(
        "sackReneged", "RFC 2018", "8",
        "The peer has thrown away what it had reported: after a time-out its reports count for nothing, and all is sent again.",
        "对端丢弃了它报告过的数据：超时之后其报告不再作数，全部重传。")
    case .pathMTUFalls:
      self.init(
        "pathMTUFalls", "RFC 8201", "4",
        "A router says that segments of this size do not pass: they are made smaller, and what is on its way is sent again.",
        "路由器表示这样大的报文段无法通过：改用更小的报文段，并重传在途数据。")
    case .pathMTUDoubted:
      self.init(
        "pathMTUDoubted", "RFC 5927", "7.2",
        "Segments of the present size have arrived, so the message may be forged: it is believed only if they stop arriving.",
        "当前大小的报文段已成功到达，该消息可能是伪造的：只有它们不再到达时才相信。")
    case .networkError:
      self.init(
        "networkError", "RFC 5927", "5.2",
        "An ICMP error ends an attempt to open, if it means that nobody is there; once the connection is established it is only remembered.",
        "ICMP 错误若表明无人在那里，就终止打开的尝试；连接建立之后则仅作记录。")
    case .sillyWindowOverridden:
      self.init(
        "sillyWindowOverridden", "RFC 9293", "3.8.6.2.1",
        "Less than a segment has waited for more room until the override time-out: it leaves as it is.",
        "不足一个报文段的数据等待更大的窗口，直到超时：按现状发送。")
    case .fastOpenAccepted:
      self.init(
        "fastOpenAccepted", "RFC 7413", "4.2.2",
        "The cookie shows that the SYN comes from where it says, so its text goes to the reader before the handshake is over.",
        "cookie 证明 SYN 确实来自其声称的地址，因此握手完成之前就把它携带的数据交给读者。")
    case .fastOpenAnswered:
      self.init(
        "fastOpenAnswered", "RFC 7413", "4.2.2",
        "The SYN-ACK says how much of the SYN's text was taken: the rest is sent again.",
        "SYN-ACK 说明 SYN 所带数据被接受了多少：其余部分重传。")
    case .endedByStack:
      self.init(
        "endedByStack", "RFC 9293", "3.10.5",
        "The connection holds what others need, or has moved nothing for too long: the stack aborts it, with a reset.",
        "该连接占用了其他连接所需的资源，或太久没有进展：协议栈以复位终止它。")
    case .synAgain:
      self.init(
        "synAgain", "RFC 9293", "3.10.7.4",
        "The peer's SYN comes again, so it has not heard our answer, which leaves once more.",
        "对端的 SYN 再次到来，说明它没有收到我方的应答：再发一次。")
    case .ackMissing:
      self.init(
        "ackMissing", "RFC 9293", "3.10.7.4",
        "Fifth check: every segment of a connection acknowledges something; one without the ACK bit is dropped.",
        "第五项检查：连接中的每个报文段都应带确认；没有 ACK 标志的被丢弃。")
    case .ackRepeated:
      self.init(
        "ackRepeated", "RFC 9293", "3.10.7.4",
        "Fifth check: this was acknowledged before, so the acknowledgment says nothing new; the text that it brings is taken.",
        "第五项检查：这些数据早已得到确认，此确认没有新内容；它携带的数据照常接收。")
    case .ackTooOld:
      self.init(
        "ackTooOld", "RFC 5961", "5.2",
        "The acknowledgment is older than any window that was ever offered, so it is not the peer's: an ACK says where we are.",
        "该确认比曾经提供过的任何窗口都旧，不会来自对端：回以 ACK 说明我方所在。")
    case .finOutOfOrder:
      self.init(
        "finOutOfOrder", "RFC 9293", "3.10.7.4",
        "Eighth check: a FIN has come before all of the text in front of it: it is kept until that is here.",
        "第八项检查：FIN 先于它前面的数据到达：先保留，等数据到齐。")
    case .textToOrphan:
      self.init(
        "textToOrphan", "RFC 9293", "3.6.1",
        "The application has closed and will never read this text: a reset says that it is lost.",
        "应用程序已关闭，不会再读取这些数据：用复位说明它们已丢失。")
    case .flowBegins:
      self.init(
        "flowBegins", "RFC 9293", "3.3.1",
        "A record is made for this flow, and its number stands for it from here on.",
        "为该连接建立一条记录，此后以该编号代表它。")
    case .flowAddress:
      self.init(
        "flowAddress", "RFC 9293", "3.3.1",
        "A flow is known by the addresses and ports of both ends.",
        "连接由两端的地址和端口标识。")
    case .flowContinues:
      self.init(
        "flowContinues", "RFC 9293", "3.3.1",
        "Another kind of record holds the flow from here on: its number has changed.",
        "此后由另一种记录保存该连接，其编号随之改变。")
    }
  }
}

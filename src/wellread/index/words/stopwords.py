"""Words that say nothing about what a question is about, in the languages where such words stand apart.

Lower case, without diacritics, apostrophes cut as the tokenizer cuts them. Chinese, Japanese, Thai and the like need no
list: what is frequent there is pruned by its document frequency (``fulltext.plan``), as it is everywhere.
"""

from __future__ import annotations

_ENGLISH = """
a about above after again against all also am an and any are aren as at be because been before being below between
both but by can cannot could couldn d did didn do does doesn doing don down during each either else ever few for from
further get had hadn has hasn have haven having he hello her here hers herself him himself his how i if in into is isn
it its itself just know let like ll m may me might more most much must my myself need no nor not now of off on once
only or other our ours ourselves out over own per please re s same shall she should shouldn so some such t tell than
that the their theirs them themselves then there these they this those through to too under until up upon us ve very
was wasn we were weren what when where whether which while who whom whose why will with won would wouldn you your
yours yourself
"""

_GERMAN = """
aber als am an auch auf aus bei bin bis da damit das dass dein dem den denn der des dich die dies diese dieser dieses
dir doch du durch ein eine einem einen einer eines er es fur hat hatte hier ich ihr ihre im in ist ja kann kein keine
konnen man mehr mein mich mir mit muss nach nicht noch nur ob oder ohne sein seine sich sie sind so soll uber um und
uns unter vom von vor wann warum was wegen welche welcher welches wenn wer werden wie wieder wird wo wurde zu zum zur
"""

_FRENCH = """
ai alors au aucun aussi autre aux avec avoir c ce cela ces cet cette comme comment d dans de des deux donc du elle
elles en est et etaient etait ete etre eu il ils j je l la le les leur leurs lui ma mais me meme mes moi mon n ne nos
notre nous on ont ou par pas plus pour pourquoi qu quand que quel quelle quelles quels qui s sa sans se ses si son
sont sur ta te tes toi ton tu un une vos votre vous y
"""

_SPANISH = """
al algo ante como con cual cuales cuando cuanto de del desde donde dos el ella ellas ellos en entre era es esa ese eso
esta estaba estan este esto fue ha han hasta hay la las le les lo los mas me mi muy nada no nos o otra otro para pero
por porque que quien quienes se sea ser si sin sobre son su sus tambien te tiene tu un una uno unos y ya yo
"""

_ITALIAN = """
agli ai alla alle allo anche avere che chi ci come con cosa cui da dagli dal dalla dei del della delle dello di dove e
ed era gli ha hanno i il io la le lei lo loro lui ma mi ne negli nei nel nella nelle no noi non o per perche piu quale
quali quando quello questa questi questo se si sono su sua sue sugli sul sulla suo ti tra tu un una uno vi voi
"""

_PORTUGUESE = """
ao aos as ate com como da das de dela dele do dos e ela ele eles em entre era essa esse esta este eu foi ha isso isto
ja lhe mais mas me mesmo meu minha muito na nao nas nem no nos o os ou para pela pelo por porque qual quando que quem
se sem ser seu sua sao tambem te tem um uma voce
"""

_DUTCH = """
aan als bij daar dan dat de der deze die dit doch door een en er ge had heb hebben heeft het hier hij hoe iemand iets
ik in is je kan maar me meer men met mij mijn moet na naar niet nog nu of om omdat onder ons ook op over te tegen toch
toen tot uit uw van veel voor waar wanneer waren was wat welke werd wie wij worden wordt ze zei zich zij zijn zo
zonder zou
"""

_NORDIC = """
alle at av blev da de den denne der deres det dette dig din du eller en er et etter fra for for ham han har hendes her
hun hva hvad hvem hvilken hvis hvor hvordan i ikke inte jag jeg kan med men meg mig min mitt mot nar och og om pa sa
seg sig sin skal skulle som til till upp ut vad var vara vi vid vil vilken
"""

_YORUBA = """
ati awon fun je kan kini kinni ko lati li ni nibo ninu nigba nipa o oun pe pelu si ta ti tabi tani wa won
"""

# Each list with the words that tell it from the others; ``language`` chooses one list for a question.
LISTS: dict[str, frozenset[str]] = {
    "en": frozenset(_ENGLISH.split()),
    "de": frozenset(_GERMAN.split()),
    "fr": frozenset(_FRENCH.split()),
    "es": frozenset(_SPANISH.split()),
    "it": frozenset(_ITALIAN.split()),
    "pt": frozenset(_PORTUGUESE.split()),
    "nl": frozenset(_DUTCH.split()),
    "nordic": frozenset(_NORDIC.split()),
    "yo": frozenset(_YORUBA.split()),
}

STOPWORDS = LISTS["en"]


def stopwords_of(words: list[str]) -> frozenset[str]:
    """The list of the language that ``words`` (lower case, without diacritics) seem to be in; English where unclear.

    A word that says nothing in one language is a name in another («die», «also», «most»): lists are never mixed.
    """
    present = set(words)
    found = {name: len(present & words_of) for name, words_of in LISTS.items()}
    best = max(found, key=lambda name: (found[name], name == "en"))
    return LISTS[best]
